import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeFileStore } from '@tintype/host';
import { expect, test } from 'vitest';
import { lacksMounts, missingPrograms, twoMounts } from './two-mounts.js';

test.skipIf(lacksMounts())("two mounts show one folder, and know nothing of each other's locks", () => {
  const share = twoMounts();
  try {
    const [one, two] = share.mounts.map((mount) => join(mount, 'file')) as [string, string];
    writeFileSync(one, 'through one');
    expect(readFileSync(join(share.folder, 'file'), 'utf8')).toBe('through one');
    expect(readFileSync(two, 'utf8')).toBe('through one');
    const store = nodeFileStore();
    const files = [one, two].map((file) => store.open(file, 'write'));
    expect(files.map((file) => file.lock('exclusive'))).toEqual([true, true]);
    for (const file of files) file.close();
    expect(() => closeSync(openSync(two, 'wx'))).toThrow('EEXIST');
  } finally {
    share.close();
  }
});

test('a program that is not there is named', () => {
  expect(missingPrograms('sh', 'no-program-of-this-name').missing).toEqual(['no-program-of-this-name']);
});
