import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ENVIRONMENT, PROGRAM } from './built.testing.js';
import { endAtSignals, INTERRUPTED, leaveSignals } from './early-signals.js';
import { EXIT } from './exit-status.js';

test('the handlers go as they came', () => {
  const counts = () => ['SIGINT', 'SIGTERM'].map((signal) => process.listenerCount(signal));
  const before = counts();
  endAtSignals();
  expect(counts()).toEqual(before.map((count) => count + 1));
  leaveSignals();
  expect(counts()).toEqual(before);
});

test.each(['SIGINT', 'SIGTERM'])(
  '%s ends a command whose program is still being loaded as an interrupted one',
  (signal) => {
    // The signal comes with the first handler for it; the program itself begins with one for SIGXFSZ.
    const preload = `process.on('newListener', (name) => {
    if (name !== '${signal}' || process.listenerCount(name) > 0) return;
    console.log(process.listenerCount('SIGXFSZ'));
    setImmediate(() => process.kill(process.pid, name));
  });`;
    const words = [
      '--import',
      `data:text/javascript,${encodeURIComponent(preload)}`,
      PROGRAM,
      'backup',
      'a',
      'b',
      '--json',
    ];
    const { status, stdout } = spawnSync(process.execPath, words, { env: ENVIRONMENT, encoding: 'utf8' });
    expect([status, stdout]).toEqual([EXIT.interrupted, '0\n']);
    expect(INTERRUPTED).toBe(EXIT.interrupted);
  },
);
