// The `tintype` command: words in, exit status out.

import { readFileSync } from 'node:fs';
import { TintypeError } from '@tintype/core';
import { UsageError } from '@tintype/engine';
import { parseCommand } from './arguments.js';
import { COMMANDS } from './command-table.js';
import { EXIT, exitStatusOf } from './exit-status.js';
import { commandHelp, overview } from './help.js';
import { errorText } from './output/errors.js';
import { line, note, writeOut } from './terminal.js';

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

async function main(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    writeOut(overview());
    return name === undefined ? EXIT.usage : EXIT.done;
  }
  if (name === '--version') {
    line(`tintype ${version()}`);
    return EXIT.done;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command) throw new UsageError(`there is no command ${JSON.stringify(name)}; see 'tintype --help'`);
  const parsed = parseCommand(command, rest);
  const { values } = parsed;
  if (values.help === true) {
    writeOut(commandHelp(command));
    return EXIT.done;
  }
  const quiet = values.quiet === true;
  const isTerminal = process.stderr.isTTY === true && !quiet;
  const { run } = await command.load();
  return run(parsed, { json: values.json === true, quiet, verbose: values.verbose === true, isTerminal });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  note(errorText(error));
  if (process.argv.includes('--verbose') && error instanceof Error) note(error.stack ?? '');
  if (process.argv.includes('--json') && error instanceof TintypeError)
    line(JSON.stringify({ ...error.toJSON(), type: 'error' }));
  process.exitCode = exitStatusOf(error);
}
