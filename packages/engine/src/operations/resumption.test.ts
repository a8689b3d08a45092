// What a run makes sure of before it goes on with a destination that is back.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FaultStore, MemoryStore, withFolder } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import type { RunContext } from '../operation.js';
import { copyImage, liveFiles, makeTree, type Outcome, runBackup, setupOf } from './link-loss.testing.js';
import { undo } from './undo.js';

const setup = setupOf('sparsebundle', 'hfs+');
const { image } = setup;
const about = (path: string): boolean => path.includes('b.sparsebundle');

interface Lost {
  readonly below: MemoryStore;
  readonly before: Map<string, string>;
  readonly outcome: Outcome;
}

/** A second run, of a changed source, that loses its image in the middle; `meanwhile` something happens to it. */
function losing(source: string, meanwhile: (below: MemoryStore, context: RunContext) => void): Lost {
  makeTree(source);
  const below = new MemoryStore();
  runBackup(below, source, setup);
  const before = liveFiles(below, image, 'first');
  copyImage(below, image, '/older');
  for (let i = 0; i < 4; i += 1) writeFileSync(join(source, `folder-${i}`, 'file-0'), `new ${i}`);
  const trial = new MemoryStore({ root: below.clone().root });
  const counting = new FaultStore(trial, { call: Number.POSITIVE_INFINITY, code: 'EIO', about });
  runBackup(counting, source, setup);
  const fault = { call: Math.floor(counting.calls * 0.8), code: 'EIO', about };
  let happened = false;
  const outcome = runBackup(new FaultStore(below, fault), source, setup, {}, (_now, context) => {
    if (!happened) meanwhile(below, context);
    happened = true;
  });
  expect(happened).toBe(true);
  return { below, before, outcome };
}

describe('a destination that is back', () => {
  test('goes on where it was, under the same name', () => {
    withFolder((source) => {
      const { outcome } = losing(source, () => {});
      expect(outcome.summary).toMatchObject({ problems: [], items: { replaced: 4 } });
    });
  });

  test('and its run is one run to undo', () => {
    withFolder((source) => {
      const { below, before, outcome } = losing(source, () => {});
      const after = liveFiles(below, image, 'after');
      expect(after).not.toEqual(before);
      const context = { ...outcome.context, store: below };
      expect(undo({ image }, context)).toMatchObject({ problems: [] });
      expect(liveFiles(below, image, 'undone')).toEqual(before);
      expect(undo({ image }, context)).toMatchObject({ problems: [] });
      expect(liveFiles(below, image, 'undone twice').size).toBe(0);
      expect(() => undo({ image }, context)).toThrow(expect.objectContaining({ code: 'nothing-to-undo' }));
    });
  });

  test('is not written if it holds another volume', () => {
    withFolder((source) => {
      const { below, before, outcome } = losing(source, (store) => {
        store.rename(image, '/away');
        runBackup(store, source, setup, { size: 6 << 20 });
      });
      expect(outcome.error).toMatchObject({ code: 'another-image' });
      expect(liveFiles(below, image, 'the other one').size).toBe(before.size);
    });
  });

  test('is not written if it is an older copy', () => {
    withFolder((source) => {
      const { below, before, outcome } = losing(source, (store) => {
        store.rename(image, '/away');
        store.rename('/older', image);
      });
      expect(outcome.error).toMatchObject({ code: 'another-state' });
      expect(liveFiles(below, image, 'older')).toEqual(before);
    });
  });

  test('is not written if someone else wrote to it meanwhile', () => {
    withFolder((source) => {
      const { outcome } = losing(source, (store) => {
        expect(runBackup(store, source, setup).summary).toMatchObject({ problems: [] });
      });
      expect(outcome.error).toMatchObject({ code: 'locked', values: { path: image } });
    });
  });

  test('is waited for while there is nothing under its name', () => {
    withFolder((source) => {
      const { below, outcome } = losing(source, (store) => store.rename(image, '/away'));
      expect(outcome.error).toMatchObject({ code: 'link-lost', values: { cause: 'EIO' } });
      expect(below.kind(image)).toBeNull();
    });
  });

  test('is not waited for once the run is cancelled', () => {
    withFolder((source) => {
      const { below, before, outcome } = losing(source, (_store, { progress }) => progress.cancel());
      expect(outcome.error).toBeNull();
      expect(outcome.summary).toMatchObject({ interrupted: true });
      expect(outcome.summary?.commits).toBeGreaterThan(0);
      expect(outcome.timer.now()).toBeLessThanOrEqual(200);
      expect(liveFiles(below, image, 'cancelled').size).toBe(before.size);
    });
  });
});
