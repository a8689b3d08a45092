import { UsageError } from '@tintype/engine/run';
import { expect, test } from 'vitest';
import { parseCommand } from './arguments.js';
import { COMMANDS } from './command-table.js';
import { keepRules, snapshotSetting } from './keeping.js';

const backup = COMMANDS.find(({ name }) => name === 'backup');
const parsed = (...words: string[]) => parseCommand(backup as NonNullable<typeof backup>, ['a', 'b', ...words]);

test('every rule by its option', () => {
  const counts = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'];
  const words = counts.flatMap((rule, i) => [`--keep-${rule}`, String(i)]);
  expect(keepRules(parsed(...words, '--keep-within', '30d', '--keep-free', '1gb'))).toEqual({
    ...Object.fromEntries(counts.map((rule, i) => [rule, i])),
    within: 30 * 86_400,
    free: 1e9,
  });
  expect(keepRules(parsed())).toBeUndefined();
});

test('what is no number, no time, no size and no setting is wrong usage', () => {
  for (const words of [
    ['--keep-daily', '-1'],
    ['--keep-daily', '1.5'],
    ['--keep-within', 'x'],
    ['--keep-free', 'all'],
  ])
    expect(() => keepRules(parsed(...words)), words.join(' ')).toThrow(UsageError);
  expect(() => snapshotSetting(parsed('--snapshots', 'sometimes'))).toThrow(UsageError);
  expect(() => snapshotSetting(parsed('--snapshots', 'never', '--snapshot', 'x'))).toThrow(UsageError);
  expect(snapshotSetting(parsed('--snapshots', 'always'))).toBe('always');
});
