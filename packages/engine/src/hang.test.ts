import { Progress } from '@tintype/core';
import { expect, test } from 'vitest';
import { HangWatch } from './hang.js';

const options = { destination: 'b.sparsebundle', wait: 60_000 };

test('a call that does not return is told once, and ends the run when it was waited for', () => {
  const progress = new Progress();
  const watch = new HangWatch({ ...options, progress });
  expect(watch.look(0)).toBeNull();
  progress.enterCall();
  expect(watch.look(1000)).toBeNull();
  expect(watch.look(5999)).toBeNull();
  expect(watch.look(6000)).toMatchObject({ type: 'warning', code: 'waiting' });
  expect(progress.waiting).toBe(true);
  expect(watch.look(30_000)).toBeNull();
  expect(watch.look(61_000)).toMatchObject({
    type: 'error',
    error: { code: 'link-lost', message: expect.stringContaining('b.sparsebundle has not answered for 60 seconds') },
  });
});

test('one that returns is nothing, and one that was shown is shown no more', () => {
  const progress = new Progress();
  const watch = new HangWatch({ ...options, progress });
  for (let now = 0; now < 200_000; now += 1000) {
    progress.enterCall();
    expect(watch.look(now)).toBeNull();
    progress.leaveCall();
  }
  progress.enterCall();
  watch.look(200_000);
  expect(watch.look(210_000)?.type).toBe('warning');
  progress.leaveCall();
  expect(watch.look(211_000)).toBeNull();
  expect(progress.waiting).toBe(false);
});

test('a short wait does not make a slow disk a lost one', () => {
  const progress = new Progress();
  const watch = new HangWatch({ ...options, wait: 0, progress });
  progress.enterCall();
  watch.look(0);
  expect(watch.look(19_000)?.type).not.toBe('error');
  expect(watch.look(20_000)?.type).toBe('error');
});
