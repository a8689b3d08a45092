import { finding } from '@tintype/core';
import { expect, test } from 'vitest';
import type { EngineEvent } from './events.js';
import { openingNotices } from './opening-notices.js';
import { testContext } from './run-context.testing.js';

const discarded = finding('checkpoint-discarded', 'checkpoint 9', 'checkpoint 9 is damaged');

test('a run that opens an image twice tells once what opening told, and of each image', () => {
  const events: EngineEvent[] = [];
  const context = testContext(0, events);
  for (const path of ['a', 'a', 'b']) openingNotices(path, context)(discarded);
  expect(events).toEqual(
    ['a', 'b'].map((path) => ({
      type: 'warning',
      code: 'checkpoint-discarded',
      message: `${path}: checkpoint 9 is damaged`,
    })),
  );
});

test('without a place to remember, each opening tells', () => {
  const events: EngineEvent[] = [];
  const emit = (event: EngineEvent) => events.push(event);
  for (const path of ['a', 'a']) openingNotices(path, { emit })(discarded);
  expect(events).toHaveLength(2);
});
