// The host reads or writes less than it was asked to, at the n-th call, for every n of a small backup: nothing is missing
// afterwards. What a call left is the host store's affair, so this is about real files.

import fs, { mkdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { FULL, withFolder } from '@tintype/testkit';
import { afterEach, expect, test } from 'vitest';
import { hostContext } from '../host-context.js';
import { liveFiles, makeTree, runBackup, type Setup, setupOf } from './link-loss.testing.js';

const SAMPLES = 2;
const real = { readSync: fs.readSync, writeSync: fs.writeSync };

type Call = (handle: number, bytes: NodeJS.ArrayBufferView, offset: number, length: number, at: number) => number;

/** Counts calls for more than one byte; that number `turn` does only a part: its first byte, or all but its last. */
class ShortCalls {
  calls = 0;
  readonly #turn: number;
  readonly #part: 'first' | 'rest';

  constructor(turn: number, part: 'first' | 'rest') {
    this.#turn = turn;
    this.#part = part;
    Object.assign(fs, {
      readSync: this.#around(real.readSync as Call),
      writeSync: this.#around(real.writeSync as Call),
    });
    syncBuiltinESMExports();
  }

  #around(call: Call): Call {
    return (handle, bytes, offset, length, at) => {
      if (typeof length !== 'number' || length < 2) return call(handle, bytes, offset, length, at);
      this.calls += 1;
      const asked = this.calls !== this.#turn ? length : this.#part === 'first' ? 1 : length - 1;
      return call(handle, bytes, offset, asked, at);
    };
  }
}

function whole(): void {
  Object.assign(fs, real);
  syncBuiltinESMExports();
}
afterEach(whole);

/** A backup into a new image; answers what is in it, and how many calls it took. */
function backUp(source: string, folder: string, setup: Setup, turn: number, part: 'first' | 'rest') {
  const text = `${part} of call ${turn}`;
  mkdirSync(folder);
  const place = { ...setup, image: join(folder, setup.image) };
  const short = new ShortCalls(turn, part);
  const { summary } = runBackup(hostContext().store, source, place, { commitEvery: 30 });
  whole();
  expect(summary, text).toMatchObject({ problems: [], interrupted: false });
  return { files: liveFiles(hostContext().store, place.image, text), calls: short.calls };
}

for (const container of ['sparsebundle', 'sparseimage', 'udrw'] as const)
  for (const fs of ['hfs+', 'apfs'])
    test(`any call may be short in a backup to ${fs} in a ${container}`, { timeout: 3_600_000 }, () => {
      withFolder((folder) => {
        const source = join(folder, 'source');
        mkdirSync(source);
        makeTree(source);
        const setup = setupOf(container, fs);
        const { files, calls } = backUp(source, join(folder, 'whole'), setup, 0, 'first');
        expect(calls).toBeGreaterThan(50);
        const step = FULL ? 1 : Math.ceil(calls / SAMPLES);
        for (let turn = 1 + (setup.image.length % step); turn <= calls; turn += step)
          for (const part of ['first', 'rest'] as const) {
            const found = backUp(source, join(folder, `${turn}-${part}`), setup, turn, part);
            expect(found.files, `${part} of call ${turn}`).toEqual(files);
          }
      });
    });
