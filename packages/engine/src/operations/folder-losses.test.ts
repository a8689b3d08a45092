import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { testContext } from '../run-context.testing.js';
import { noticeFolderLosses } from './folder-losses.js';

test.runIf(process.platform === 'linux')('nothing is said where folders are read and written whole', () => {
  const events: EngineEvent[] = [];
  noticeFolderLosses('/a', testContext(undefined, events));
  expect(events).toEqual([]);
});
