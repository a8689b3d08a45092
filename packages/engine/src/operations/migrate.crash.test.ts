// A migration on a host that loses power: the old image is never touched, and the same command ends with all of it.

import { CrashStore, count, MemoryStore, sha256Of, snapshotOf } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { createStack } from '../maintenance/create.js';
import { expectTree, memoryContext, PASSPHRASE, plant } from '../maintenance/waste.testing.js';
import { openStack } from '../stack.js';
import { migrate } from './migrate.js';
import { readNote } from './migration-note.js';

const MIB = 1 << 20;

test.each([
  ['/new.sparsebundle', 'hfs+', {}],
  ['/new.sparseimage', 'apfs', { encryption: 'aes-256', kdfRounds: 1 }],
  ['/new.dmg', 'hfs+', {}],
] as const)('B3 cut anywhere on the way to %s (%s), it is finished by the same command', (out, fs, making) => {
  const store = new MemoryStore();
  const stack = createStack({ image: '/old.sparseimage', size: 24 * MIB, fs: 'apfs' }, memoryContext(store));
  plant(stack.live, 12);
  const tree = snapshotOf(stack.live);
  stack.close();
  const before = bytesOf(store, '/old.sparseimage');
  const way = out.endsWith('.dmg') ? {} : { fs, size: 24 * MIB, bandSize: MIB, commitEvery: 0 };
  const options = { image: '/old.sparseimage', out, passphrase: PASSPHRASE, ...way, ...making };
  const crash = new CrashStore(store);
  expect(migrate(options, memoryContext(crash))).toMatchObject({ proved: true, resumed: false });
  let resumed = 0;
  for (const state of crash.randomStates({ seed: 8, count: count(8, 300) })) {
    const { description } = state;
    expect(bytesOf(state.store, '/old.sparseimage').equals(before), description).toBe(true);
    // Without a note it had not begun, or was done.
    if (state.store.kind(out) === null || readNote(state.store, out) !== null) {
      const summary = migrate(options, memoryContext(state.store));
      expect([description, summary.proved, summary.problems]).toEqual([description, true, []]);
      resumed += summary.resumed ? 1 : 0;
    }
    expectTree(state.store, '/old.sparseimage', tree, description);
    expect([description, filesOf(state.store, out)]).toEqual([description, filesOf(store, '/old.sparseimage')]);
    expect(readNote(state.store, out), description).toBeNull();
  }
  if (!out.endsWith('.dmg')) expect(resumed).toBeGreaterThan(0);
});

function bytesOf(store: MemoryStore, path: string): Buffer {
  const file = store.open(path, 'read');
  const bytes = Buffer.alloc(file.size());
  file.read(0, bytes);
  file.close();
  return bytes;
}

/** Name and content of each file that was planted. */
function filesOf(store: MemoryStore, image: string): string[] {
  const stack = openStack(image, { ...memoryContext(store), writable: false, passphrase: PASSPHRASE });
  const { volume } = stack;
  const folder = volume.lookup(volume.root.id, 'folder');
  const files = folder ? volume.list(folder.id).map(({ name, id }) => `${name} ${sha256Of(volume, id)}`) : [];
  stack.abandon();
  return files.sort();
}
