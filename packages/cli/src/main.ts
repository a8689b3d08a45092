// The `tintype` command: words in, exit status out.

import { readFileSync } from 'node:fs';
import { UsageError } from '@tintype/engine/run';
import { parseCommand } from './arguments.js';
import type { CommandSpec, Parsed } from './command.js';
import { COMMANDS, COMMON } from './command-table.js';
import { leaveSignals } from './early-signals.js';
import { EXIT, exitStatusOf } from './exit-status.js';
import { followed } from './followed.js';
import { commandHelp, overview } from './help.js';
import { nearest } from './nearest.js';
import { errorText, failureEvents } from './output/errors.js';
import { jsonText } from './output/json-text.js';
import { takeFromEnvironment } from './passphrase.js';
import { type Call, hasWritten, line, lineUnlessLost, note, writeOut } from './terminal.js';
import { typedWords } from './typed-words.js';

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

// A write past the limit of this process's files then fails, and is told, instead of ending the process.
process.on('SIGXFSZ', () => {});

/** Of every command; `--help` before a command is that of tintype. */
const SWITCHES = new Set(
  COMMON.filter(({ name }) => name !== 'help').flatMap(({ name, short }) => [
    `--${name}`,
    `--no-${name}`,
    ...(short ? [`-${short}`] : []),
  ]),
);

async function main(words: readonly string[]): Promise<number> {
  try {
    return await answer(words);
  } catch (error) {
    note(errorText(error));
    return exitStatusOf(error);
  }
}

async function answer(words: readonly string[]): Promise<number> {
  const [name, ...rest] = commandFirst(words);
  if (name === 'help' || name === '--help' || name === '-h') {
    const topic = COMMANDS.find((command) => command.name === rest[0]);
    if (name === 'help' && rest[0] !== undefined && !topic) throw unknownCommand(rest[0]);
    writeOut(topic ? commandHelp(topic) : overview());
    return EXIT.done;
  }
  if (name === '--version') {
    line(`tintype ${version()}`);
    return EXIT.done;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command) return perform(command, rest);
  note(name === undefined ? overview().trimEnd() : errorText(unknownCommand(name)));
  return EXIT.usage;
}

/** Options of every command may stand before its name. */
function commandFirst(words: readonly string[]): readonly string[] {
  const at = words.findIndex((word) => !SWITCHES.has(word));
  return at > 0 ? [words[at] as string, ...words.slice(0, at), ...words.slice(at + 1)] : words;
}

function unknownCommand(name: string): UsageError {
  const close = nearest(
    name,
    COMMANDS.map((command) => command.name),
  );
  return new UsageError(
    `there is no command ${JSON.stringify(name)}${close === null ? '' : ` (did you mean ${close}?)`}`,
  );
}

async function perform(command: CommandSpec, words: readonly string[]): Promise<number> {
  let call: Call = { command: command.name, image: null };
  if (!command.hasEvents) leaveSignals();
  try {
    const parsed = withImage(command, parseCommand(command, words));
    if (parsed.values.help === true) {
      writeOut(commandHelp(command));
      return EXIT.done;
    }
    call = { command: command.name, image: imageOf(command, parsed) };
    const { json, quiet, verbose } = parsed.values;
    const { run } = await command.load();
    return await run(parsed, {
      call,
      json: json === true,
      quiet: quiet === true,
      verbose: verbose === true,
      isTerminal: process.stderr.isTTY === true && quiet !== true,
    });
  } catch (error) {
    if (words.includes('--json')) for (const event of failureOutput(command, error)) lineUnlessLost(jsonText(event));
    note(errorText(error, call));
    if ((words.includes('--verbose') || words.includes('-v')) && error instanceof Error) note(error.stack ?? '');
    return exitStatusOf(error);
  }
}

/** Of a command that answers one document, the error is that document, unless a part of another was written. */
function failureOutput({ hasEvents }: CommandSpec, error: unknown): readonly object[] {
  const events = failureEvents(error);
  return hasEvents ? events : hasWritten() ? [] : events.slice(0, 1);
}

/** What is made new is what it is called; every other image may be named by a link. */
function withImage({ name, imageOperand }: CommandSpec, parsed: Parsed): Parsed {
  const operands = parsed.operands.map((word, i) => {
    if (i !== imageOperand) return MAKES_SECOND.includes(name) ? withoutSlashes(word) : word;
    return name === 'create' ? withoutSlashes(word) : followed(withoutSlashes(word));
  });
  return { ...parsed, operands };
}

const MAKES_SECOND = ['convert', 'migrate', 'raw'];

/** A shell puts slashes behind a bundle's name; one that is made anew has none. */
const withoutSlashes = (path: string): string => path.replace(/(?<=[^/])\/+$/, '');

function imageOf({ imageOperand }: CommandSpec, { operands }: Parsed): string | null {
  return imageOperand === undefined ? null : (operands[imageOperand] ?? null);
}

takeFromEnvironment(process.env);
process.exitCode = await main(typedWords(process.argv.slice(2)));
