import { expect, test } from 'vitest';
import { parseCommand } from './arguments.js';
import { COMMANDS, COMMON } from './command-table.js';
import { commandHelp, overview } from './help.js';

const pages = [['overview', overview()], ...COMMANDS.map((command) => [command.name, commandHelp(command)])];

test.each(pages)('%s: within 80 columns', (_, page = '') => {
  expect(page.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
});

test.each(COMMANDS)('$name: purpose, usage, every option, two examples that can be parsed', (command) => {
  const page = commandHelp(command);
  expect(page.split('\n')[0]).toBe(command.purpose);
  expect(page).toContain(`Usage: tintype ${command.name} ${command.operands}`);
  for (const { name } of [...command.options, ...COMMON]) expect(page).toMatch(new RegExp(`--(\\[no-\\])?${name}\\b`));
  for (const example of command.examples) {
    expect(page).toContain(`  ${example}`);
    const words =
      example
        .split(/ [|>] /)[0]
        ?.split(' ')
        .map((word) => word.replaceAll("'", '')) ?? [];
    expect(words.slice(0, 2)).toEqual(['tintype', command.name]);
    expect(() => parseCommand(command, words.slice(2))).not.toThrow();
  }
});

test('the overview names every command', () => {
  for (const { name } of COMMANDS) expect(overview()).toMatch(new RegExp(`^  ${name} `, 'm'));
});

test('B47 the help of backup states when an image is compacted first', () => {
  const page = pages.find(([name]) => name === 'backup')?.[1]?.replace(/\s+/g, ' ');
  expect(page).toContain('less than 25 GB or 15 % free');
});
