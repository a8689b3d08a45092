// Help pages, within 80 columns, from the table of commands.

import type { CommandSpec, OptionSpec } from './command.js';
import { COMMANDS, COMMON } from './command-table.js';

const WIDTH = 80;

export function overview(): string {
  const rows = COMMANDS.map(({ name, purpose }) => `  ${name.padEnd(12)}${purpose}`);
  return [
    'tintype backs up to genuine Apple disk images, on any system.',
    '',
    'Usage: tintype COMMAND …',
    '',
    ...rows,
    '',
    "See 'tintype COMMAND --help', and 'tintype --version'.",
    '',
  ].join('\n');
}

export function commandHelp(command: CommandSpec): string {
  const lines = [command.purpose, '', `Usage: tintype ${command.name} ${command.operands} [options]`, '', 'Options:'];
  for (const option of [...command.options, ...COMMON]) lines.push(...optionLines(option));
  return [...lines, '', 'Examples:', ...command.examples.map((example) => `  ${example}`), ''].join('\n');
}

function optionLines({ name, short, value, help, many, negatable }: OptionSpec): string[] {
  const head = `  ${short ? `-${short}, ` : ''}--${negatable ? '[no-]' : ''}${name}${value ? ` ${value}` : ''}${many ? ' …' : ''}`;
  const column = 30;
  const first = head.length < column ? head.padEnd(column) : `${head}\n${' '.repeat(column)}`;
  const words = help.split(' ');
  const rows: string[] = [''];
  for (const word of words) {
    const row = rows.at(-1) as string;
    if (column + row.length + word.length + 1 > WIDTH) rows.push(word);
    else rows[rows.length - 1] = row === '' ? word : `${row} ${word}`;
  }
  return [`${first}${rows[0]}`, ...rows.slice(1).map((row) => `${' '.repeat(column)}${row}`)].flatMap((row) =>
    row.split('\n'),
  );
}
