import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { temporaryFolder } from '@tintype/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeFileStore } from './node-file-store.js';

const store = nodeFileStore();
let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const failsWith = (code: string) => expect.objectContaining({ name: 'StoreError', code });

test('a link in the last part is refused, in the others followed', () => {
  fs.mkdirSync(`${folder}/real`);
  fs.writeFileSync(`${folder}/real/file`, 'x');
  fs.symlinkSync('real', `${folder}/folder`);
  fs.symlinkSync('file', `${folder}/real/link`);
  expect(() => store.open(`${folder}/real/link`, 'read')).toThrow(failsWith('ELOOP'));
  expect(() => store.open(`${folder}/real/link`, 'write')).toThrow(failsWith('ELOOP'));
  store.open(`${folder}/folder/file`, 'read').close();
  expect(store.kind(`${folder}/real/link`)).toBe('other');
});

test('pipes, folders and devices without blocks are refused without waiting', () => {
  execFileSync('mkfifo', [`${folder}/pipe`]);
  expect(() => store.open(`${folder}/pipe`, 'read')).toThrow(failsWith('EINVAL'));
  expect(() => store.open(`${folder}/pipe`, 'write')).toThrow(failsWith('EINVAL'));
  expect(() => store.open(folder, 'read')).toThrow(failsWith('EISDIR'));
  expect(() => store.open('/dev/null', 'read')).toThrow(failsWith('EINVAL'));
});

test('create is exclusive, also against a link that leads nowhere', () => {
  store.open(`${folder}/a`, 'create').close();
  fs.symlinkSync('nowhere', `${folder}/link`);
  expect(() => store.open(`${folder}/a`, 'create')).toThrow(failsWith('EEXIST'));
  expect(() => store.open(`${folder}/link`, 'create')).toThrow(failsWith('EEXIST'));
  expect(fs.existsSync(`${folder}/nowhere`)).toBe(false);
});

test('a lock holds against another process', () => {
  if (process.platform !== 'linux') return;
  const file = store.open(`${folder}/a`, 'create');
  const other = (): string =>
    execFileSync('sh', ['-c', `flock -n '${folder}/a' true && echo free || echo held`], { encoding: 'utf8' }).trim();
  expect(other()).toBe('free');
  expect(file.lock('exclusive')).toBe(true);
  expect(other()).toBe('held');
  file.close();
  expect(other()).toBe('free');
});

test('reserved and punched space shows', () => {
  const file = store.open(`${folder}/a`, 'create');
  file.write(0, new Uint8Array(65536).fill(7));
  file.allocate(0, 1 << 20);
  expect([file.size(), file.allocated(0, 1 << 20)]).toEqual([1 << 20, 1 << 20]);
  expect(file.punch(4096, 8192)).toBe(true);
  expect(file.allocated(0, 65536)).toBe(65536 - 8192);
  const read = new Uint8Array(65536);
  file.read(0, read);
  expect(read.indexOf(0)).toBe(4096);
  expect(read.lastIndexOf(0)).toBe(4096 + 8192 - 1);
  file.close();
});

test('names that are not UTF-8 come and go', () => {
  const name = 'a\udcff';
  store.open(`${folder}/${name}`, 'create').close();
  expect(fs.readdirSync(folder, { encoding: 'buffer' })).toEqual([Buffer.from([0x61, 0xff])]);
  expect(store.list(folder)).toEqual([{ name, kind: 'file' }]);
  store.remove(`${folder}/${name}`);
  expect(store.list(folder)).toEqual([]);
});

test('folders are synced; what is no folder is refused', () => {
  store.syncFolder(folder);
  store.open(`${folder}/a`, 'create').close();
  expect(() => store.syncFolder(`${folder}/a`)).toThrow(failsWith('ENOTDIR'));
  expect(store.kind(`${folder}/a/b`)).toBe(null);
});
