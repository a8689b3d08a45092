import { expect, test } from 'vitest';
import { flag, parseCommand, text } from './arguments.js';
import type { CommandSpec } from './command.js';
import { COMMANDS } from './command-table.js';

function command(name: string): CommandSpec {
  const found = COMMANDS.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`there is a command ${name}`);
  return found;
}

test('filters keep their order across options', () => {
  const parsed = parseCommand(command('backup'), [
    '--exclude',
    '*.o',
    'a',
    '--include=x.o',
    '--filter-from',
    'f',
    '--exclude=!b',
    'c',
  ]);
  expect(parsed.operands).toEqual(['a', 'c']);
  expect(parsed.filters).toEqual([
    { option: 'exclude', value: '*.o' },
    { option: 'include', value: 'x.o' },
    { option: 'filter-from', value: 'f' },
    { option: 'exclude', value: '!b' },
  ]);
});

test('switches are true, false, or not given', () => {
  const parsed = parseCommand(command('backup'), ['a', 'b', '--no-delete', '--safetynet']);
  expect([flag(parsed, 'delete'), flag(parsed, 'safetynet'), flag(parsed, 'checksum')]).toEqual([
    false,
    true,
    undefined,
  ]);
});

test('a value may begin with a minus, letters may be joined, -- ends the options', () => {
  expect(text(parseCommand(command('find'), ['i', '--size', '-1g']), 'size')).toBe('-1g');
  const listing = parseCommand(command('ls'), ['-lR', 'i']);
  expect([flag(listing, 'long'), flag(listing, 'recursive')]).toEqual([true, true]);
  expect(parseCommand(command('cat'), ['i', '--', '--json']).operands).toEqual(['i', '--json']);
});

test.each([
  [[], 'nothing was given'],
  [['a', 'b', 'c'], '3 operands were given'],
  [['a', '--nonsense'], "Unknown option '--nonsense'"],
  [['a', '--volume'], '--volume'],
  [['a', '--json=yes'], '--json'],
])('ls %j is wrong usage', (words, message) => {
  expect(() => parseCommand(command('ls'), words)).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringContaining(message) }),
  );
});
