// The command line, taken apart by the table of commands.

import { parseArgs } from 'node:util';
import { UsageError } from '@tintype/engine/run';
import type { CommandSpec, OptionSpec, Parsed } from './command.js';
import { COMMON } from './command-table.js';
import { nearest } from './nearest.js';

const FILTERS = ['exclude', 'include', 'filter-from'];

/** @throws UsageError */
export function parseCommand(command: CommandSpec, words: readonly string[]): Parsed {
  const specs = [...command.options, ...COMMON];
  const { values, positionals, tokens } = parse(specs, words);
  if (positionals.length < command.least || positionals.length > command.most) {
    if (values.help === true) return { values, operands: positionals, filters: [] };
    throw new UsageError(`${command.name} takes ${command.operands}; ${given(positionals.length)}`);
  }
  requireValues(specs, values, command, positionals);
  const filters = tokens.flatMap((token) =>
    token.kind === 'option' && FILTERS.includes(token.name) && token.value !== undefined
      ? [{ option: token.name, value: token.value }]
      : [],
  );
  return { values, operands: positionals, filters };
}

/** A variable that is not set is a mistake of the caller's script, not the root of an image or this folder. */
function requireValues(
  specs: readonly OptionSpec[],
  values: Parsed['values'],
  command: CommandSpec,
  operands: readonly string[],
): void {
  if (operands.includes('')) throw new UsageError(`${command.name} takes ${command.operands}; one of them is empty`);
  const empty = specs.find(({ name }) => values[name] === '');
  if (empty) throw new UsageError(`--${empty.name} takes ${empty.value}; its value is empty`);
}

function given(count: number): string {
  if (count === 0) return 'nothing was given';
  return count === 1 ? 'one operand was given' : `${count} operands were given`;
}

function parse(specs: readonly OptionSpec[], words: readonly string[]) {
  const options = Object.fromEntries(
    specs.map(({ name, short, value, many }) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        ...(short ? { short } : {}),
        ...(many ? { multiple: true } : {}),
      },
    ]),
  );
  try {
    return parseArgs({
      args: withEquals(specs, words),
      options,
      allowPositionals: true,
      allowNegative: true,
      strict: true,
      tokens: true,
    });
  } catch (error) {
    const message = (error as Error).message.replace(/\. To specify .*$/s, '');
    throw new UsageError(`${message}${suggestion(specs, message)}`);
  }
}

/** Which option was probably meant by one that is not known. */
function suggestion(specs: readonly OptionSpec[], message: string): string {
  const unknown = /^Unknown option '--(.+)'/.exec(message)?.[1];
  const names = specs.flatMap(({ name, negatable }) => (negatable ? [name, `no-${name}`] : [name]));
  const close = unknown === undefined ? null : nearest(unknown, names);
  return close === null ? '' : ` (did you mean --${close}?)`;
}

/** A value may begin with `-` (`--size -1g`): then it is joined to its option, as parseArgs demands. */
function withEquals(specs: readonly OptionSpec[], words: readonly string[]): string[] {
  const joined: string[] = [];
  const end = words.indexOf('--');
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] as string;
    const takesValue = specs.some(({ name, value }) => value !== undefined && word === `--${name}`);
    const next = words[i + 1];
    if (takesValue && next?.startsWith('-') && (end < 0 || i < end)) {
      joined.push(`${word}=${next}`);
      i += 1;
    } else joined.push(word);
  }
  return joined;
}

export function text(parsed: Parsed, name: string): string | undefined {
  const value = parsed.values[name];
  return typeof value === 'string' ? value : undefined;
}

/** Of an option that may be given several times; undefined if it was not given. */
export function texts(parsed: Parsed, name: string): readonly string[] | undefined {
  const value = parsed.values[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined;
}

/** True, false (`--no-NAME`), or undefined if it was not given. */
export function flag(parsed: Parsed, name: string): boolean | undefined {
  const value = parsed.values[name];
  return typeof value === 'boolean' ? value : undefined;
}
