import { rmSync } from 'node:fs';
import { type FileStore, LockedError, Progress, TintypeError } from '@tintype/core';
import { FaultStore, MemoryStore, temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostContext } from '../host-context.js';
import type { CreateOptions, RunContext } from '../operation.js';
import { openStack } from '../stack.js';
import { create, formatFor } from './create.js';

const OPTIONS: CreateOptions = { image: '/x.sparsebundle', size: 8 << 20, layout: 'gpt' };
/** All but `close`, which gives up a lock whatever it answers. */
const CALLS = [
  'open',
  'kind',
  'list',
  'rename',
  'remove',
  'makeFolder',
  'syncFolder',
  'facts',
  'size',
  'allocated',
  'read',
  'write',
  'allocate',
  'truncate',
  'punch',
  'lock',
  'sync',
] as const;
let home = '';

beforeAll(() => {
  home = temporaryFolder();
  process.env.TINTYPE_HOME = home;
});
afterAll(() => {
  delete process.env.TINTYPE_HOME;
  rmSync(home, { recursive: true, force: true });
});

function contextWith(store: FileStore): RunContext {
  const { holder, now, random } = hostContext();
  return { store, holder: { ...holder, heartbeat: 0 }, now, random, progress: new Progress(), emit: () => {} };
}

/** Of a later process: the one before has gone. */
function afterwards(store: FileStore): RunContext {
  const context = contextWith(store);
  return { ...context, holder: { ...context.holder, alive: () => false } };
}

function names(store: FileStore): string[] {
  return store
    .list('/')
    .map(({ name }) => name)
    .sort();
}

test('whichever call fails while an image is made: there is a whole one or none, and the next try succeeds', () => {
  for (let call = 1; ; call += 3) {
    const store = new MemoryStore();
    const broken = new FaultStore(store, { call, kinds: CALLS, code: 'EIO', lasts: Number.POSITIVE_INFINITY });
    try {
      create(OPTIONS, contextWith(broken));
    } catch (error) {
      expect(error).toBeInstanceOf(TintypeError);
    }
    const context = afterwards(store);
    if (store.kind(OPTIONS.image) === null) create(OPTIONS, context);
    const stack = openStack(OPTIONS.image, { ...context, writable: true });
    expect(stack.volume.name).toBe('x');
    stack.close();
    if (!broken.fired) break;
  }
});

test('nothing is left beside a new image, and an image in use is not replaced', () => {
  const store = new MemoryStore();
  const context = contextWith(store);
  create(OPTIONS, context);
  expect(names(store)).toEqual(['x.sparsebundle']);
  expect(() => create(OPTIONS, context)).toThrow(expect.objectContaining({ code: 'exists' }));
  const stack = openStack(OPTIONS.image, { ...context, writable: true });
  expect(() => create({ ...OPTIONS, overwrite: true }, context)).toThrow(LockedError);
  stack.close();
  create({ ...OPTIONS, overwrite: true, volumeName: 'again' }, context);
  expect(names(store)).toEqual(['x.sparsebundle']);
});

test.each([
  ['a.sparsebundle', undefined, 'sparsebundle'],
  ['a.backupbundle', undefined, 'sparsebundle'],
  ['a.SparseImage', undefined, 'sparseimage'],
  ['a.dmg', undefined, 'udzo'],
  ['a.img', undefined, 'udrw'],
  ['a.dmg', 'udrw', 'udrw'],
  ['folder', undefined, null],
])('the format of %s with --format %s is %s', (path, format, expected) => {
  expect(formatFor(path, format, 'udzo')).toBe(expected);
});

test('an encrypted raw image: whatever the volume uses is written, zeros too', () => {
  const store = new MemoryStore();
  const passphrase = Buffer.from('x');
  const holder = { ...hostContext().holder, heartbeat: 0 };
  const context: RunContext = { ...hostContext(), store, holder, progress: new Progress(), emit: () => {} };
  const secret = { encryption: 'aes-128', passphrase, kdfRounds: 1 } as const;
  create({ image: '/x.dmg', size: 8 << 20, layout: 'gpt', fs: 'hfs+', ...secret }, context);
  const file = store.open('/x.dmg', 'read');
  const stored = new Uint8Array(8 << 20);
  file.read(122_368, stored);
  const isWritten = (sector: number) => stored.subarray(sector * 512, (sector + 1) * 512).some((byte) => byte !== 0);
  const options = { store, holder, writable: false, passphrase, now: context.now, random: context.random };
  const stack = openStack('/x.dmg', options);
  const start = stack.partition.start;
  const free = [...(stack.fileSystem.freeRanges() ?? [])];
  stack.abandon();
  let unwritten = 0;
  for (let sector = 0; sector < stored.length / 512; sector += 1) {
    const at = sector * 512 - start;
    const isFree = free.some((range) => at >= range.start && at < range.start + range.length);
    if (!isFree) expect([sector, isWritten(sector)]).toEqual([sector, true]);
    else unwritten += isWritten(sector) ? 0 : 1;
  }
  expect(unwritten).toBeGreaterThan(1000);
});
