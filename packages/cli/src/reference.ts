// The page of all commands, `docs/commands.md`, from the table of commands. `npm run docs` writes it.

import type { CommandSpec, OptionSpec } from './command.js';
import { COMMANDS, COMMON } from './command-table.js';

const HEAD = `<!-- Written by \`npm run docs\` from packages/cli/src/command-table.ts. -->

# The commands of tintype

Options may stand anywhere; \`--\` ends them. Sizes: \`4096\`, \`512m\`, \`10g\`, \`1.5t\`; k, m, g, t are powers of 1024, kb, mb, gb,
tb of 1000. Times: \`30s\`, \`15m\`, \`12h\`, \`1d\`, \`2w\`, \`forever\`. What an image is, its content says, not its name.

Exit status: 0 done; 1 failed, nothing changed beyond the last commit; 2 wrong usage; 3 finished, but with problems, findings
or differences, each listed; 4 wrong or missing passphrase; 5 image in use by someone else; 130 interrupted.
`;

/** The whole page as Markdown, laid out as the house's formatter would. */
export function commandReference(): string {
  return [
    HEAD,
    table(
      ['command', 'what it does'],
      COMMANDS.map(({ name, purpose }) => [`[${name}](#${name})`, purpose]),
    ),
    '\n## Options of every command\n',
    optionTable(COMMON),
    ...COMMANDS.map(section),
  ].join('\n');
}

function section({ name, purpose, operands, options, examples, hasEvents }: CommandSpec): string {
  const json = hasEvents ? 'With `--json`: one event a line, the last a `summary`.' : 'With `--json`: one document.';
  return [
    `\n## ${name}\n`,
    `${purpose}\n`,
    '```text',
    `tintype ${name} ${operands}${options.length > 0 ? ' [options]' : ''}`,
    '```\n',
    ...(options.length > 0 ? [optionTable(options), ''] : []),
    ...(name === 'completion' ? [] : [`${json}\n`]),
    '```text',
    ...examples,
    '```',
    ...(name === COMMANDS.at(-1)?.name ? [''] : []),
  ].join('\n');
}

const optionTable = (options: readonly OptionSpec[]): string =>
  table(
    ['option', 'meaning'],
    options.map((option) => [optionForm(option), `${option.help}${option.many ? '; may be given several times' : ''}`]),
  );

function optionForm({ name, short, value, negatable }: OptionSpec): string {
  const long = `\`--${negatable ? '[no-]' : ''}${name}${value ? ` ${value}` : ''}\``;
  return short ? `\`-${short}\`, ${long}` : long;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('*', '\\*')));
  const widths = head.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [first = [], ...others] = cells;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n');
}
