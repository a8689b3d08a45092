import { CorruptError, PassphraseError } from '@tintype/core';
import { MemoryStore, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { encryptedFile } from '../create.js';
import { holder } from '../encryption/encrypted.testing.js';
import { ClearSegments } from './clear-segments.js';

const passphrase = Buffer.from('p');
const clear = new Random(3).bytes(10_000);

/** Two files with the same clear bytes, each with keys of its own. */
function made(): MemoryStore {
  const store = new MemoryStore();
  for (const path of ['2', '3']) {
    const secret = { encryption: 'aes-128', passphrase, kdfRounds: 1, holder } as const;
    const file = encryptedFile(store, path, store.open(path, 'create'), { ...secret, format: 'sparseimage', size: 0 });
    file.file.write(0, clear);
    file.file.sync();
    file.file.close();
    file.wipe();
  }
  return store;
}

test('many files are open side by side, and what they hold is forgotten with their keys', () => {
  const store = made();
  const segments = new ClearSegments({ store, passphrase });
  const files = ['2', '3'].map((path) => segments.open(store.open(path, 'read')));
  const read = () =>
    files.map((file) => {
      const seen = new Uint8Array(clear.length);
      file.read(0, seen);
      return Buffer.compare(seen, clear) === 0;
    });
  expect([read(), read()]).toEqual([
    [true, true],
    [true, true],
  ]);
  segments.wipe();
  expect(segments.open(store.open('2', 'read')).size()).toBe(clear.length);
});

test('one that is clear, cut off, or locked by another passphrase', () => {
  const store = made();
  const open = (path: string, given = passphrase) =>
    new ClearSegments({ store, passphrase: given }).open(store.open(path, 'read'));
  expect(() => open('2', Buffer.from('q'))).toThrow(PassphraseError);
  const cut = store.open('3', 'write');
  cut.truncate(cut.size() - 512);
  expect(() => open('3')).toThrow(CorruptError);
  cut.truncate(0);
  expect(() => open('3')).toThrow(/3 is not encrypted as the first segment is/);
});
