import { expect, test } from 'vitest';
import { endAtSignals, leaveSignals } from './early-signals.js';

test('the handlers go as they came', () => {
  const counts = () => ['SIGINT', 'SIGTERM'].map((signal) => process.listenerCount(signal));
  const before = counts();
  endAtSignals();
  expect(counts()).toEqual(before.map((count) => count + 1));
  leaveSignals();
  expect(counts()).toEqual(before);
});
