// Every operation waits for an image in use, for as long as it is told to.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type FileStore, LockedError } from '@tintype/core';
import { temporaryFolder } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EngineEvent } from './events.js';
import { locking } from './locking.js';
import { compact } from './maintenance/compact.js';
import { convert } from './maintenance/convert.js';
import { create } from './maintenance/create.js';
import { raw } from './maintenance/raw.js';
import { verify } from './maintenance/verify.js';
import type { RunContext } from './operation.js';
import { diff } from './operations/diff.js';
import { testContext } from './run-context.testing.js';

let folder = '';
let image = '';
beforeAll(() => {
  folder = temporaryFolder();
  process.env.TINTYPE_HOME = join(folder, 'home');
  image = join(folder, 'a.sparseimage');
  create({ image, size: 8 << 20 }, testContext()).type;
});
afterAll(() => {
  delete process.env.TINTYPE_HOME;
  rmSync(folder, { recursive: true });
});

/** The image is in use for the first tries to lock it. */
function inUse(tries: number): RunContext {
  const context = testContext();
  const { store } = context;
  let left = tries;
  const busy: FileStore = {
    kind: (path) => store.kind(path),
    list: (path) => store.list(path),
    rename: (from, to) => store.rename(from, to),
    remove: (path) => store.remove(path),
    makeFolder: (path) => store.makeFolder(path),
    link: (from, to) => store.link(from, to),
    syncFolder: (path) => store.syncFolder(path),
    facts: (path) => store.facts(path),
    open: (path, mode) => {
      const file = store.open(path, mode);
      if (path !== image) return file;
      const lock = file.lock.bind(file);
      file.lock = (kind) => {
        left -= 1;
        return left < 0 && lock(kind);
      };
      return file;
    },
  };
  return { ...context, store: busy };
}

type Use = (context: RunContext, waitLock: number | undefined) => unknown;

test.each<[string, Use]>([
  ['create --overwrite', (context, waitLock) => create({ image, size: 8 << 20, overwrite: true, waitLock }, context)],
  [
    'convert',
    (context, waitLock) => convert({ image, out: join(folder, 'c.dmg'), overwrite: true, waitLock }, context),
  ],
  ['raw', (context, waitLock) => raw({ image, out: join(folder, 'raw'), overwrite: true, waitLock }, context)],
  ['verify', (context, waitLock) => verify({ image, waitLock }, context)],
  ['diff', (context, waitLock) => diff({ a: image, b: image, waitLock }, context)],
  ['compact', (context, waitLock) => compact({ images: [image], waitLock, allowBattery: true }, context)],
])('B22: %s waits for an image in use, if it is told to', (_name, use) => {
  expect(() => use(inUse(2), undefined)).toThrow(LockedError);
  use(inUse(2), 5000);
});

test('a lock is broken only if that is said, and whose it was is a notice', () => {
  const events: EngineEvent[] = [];
  const context = testContext(0, events);
  expect(locking('x', {}, context)).toMatchObject({ waitLock: 0, breakLock: undefined });
  locking('x', { breakLock: true }, context).breakLock?.('process 7 on nas');
  expect(events).toEqual([
    expect.objectContaining({
      type: 'warning',
      code: 'lock-broken',
      message: expect.stringMatching(/process 7 on nas/),
    }),
  ]);
});
