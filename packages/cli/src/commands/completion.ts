// Completion scripts, made from the table of commands: the shell needs no call of tintype to complete.

import { UsageError } from '@tintype/engine/run';
import type { CommandBody, CommandSpec, OptionSpec } from '../command.js';
import { COMMANDS, COMMON } from '../command-table.js';
import { EXIT } from '../exit-status.js';
import { writeOut } from '../terminal.js';

const SCRIPTS: ReadonlyMap<string, () => string> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
]);

export const run: CommandBody = (parsed) => {
  const [shell = ''] = parsed.operands;
  const script = SCRIPTS.get(shell);
  if (!script) throw new UsageError(`there is no completion for ${shell}: bash, zsh or fish`);
  writeOut(script());
  return EXIT.done;
};

function names(): string {
  return COMMANDS.map(({ name }) => name).join(' ');
}

function switches({ name, negatable }: OptionSpec): string[] {
  return negatable ? [name, `no-${name}`] : [name];
}

function words(command: CommandSpec): string {
  return [...command.options, ...COMMON]
    .flatMap(switches)
    .map((name) => `--${name}`)
    .join(' ');
}

function bash(): string {
  const cases = COMMANDS.map((command) => `    ${command.name}) words="${words(command)}" ;;`);
  return `_tintype() {
  local word=\${COMP_WORDS[COMP_CWORD]} words=
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "${names()}" -- "$word")
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
  esac
}
complete -o filenames -F _tintype tintype
`;
}

function zsh(): string {
  const cases = COMMANDS.map((command) => `    ${command.name}) compadd -- ${words(command)} ;;`);
  return `#compdef tintype
_tintype() {
  if (( CURRENT == 2 )); then
    compadd -- ${names()}
    return
  fi
  if [[ $PREFIX != -* ]]; then
    _files
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
}
compdef _tintype tintype
`;
}

function fish(): string {
  const lines = COMMANDS.flatMap(({ name, purpose, options }) => [
    `complete -c tintype -n __fish_use_subcommand -a ${name} -d ${fishQuoted(purpose)}`,
    ...[...options, ...COMMON].flatMap((option) =>
      switches(option).map(
        (word) => `complete -c tintype -n '__fish_seen_subcommand_from ${name}' ${fishOption(option, word)}`,
      ),
    ),
  ]);
  return `${lines.join('\n')}\n`;
}

function fishOption({ name, short, value, help }: OptionSpec, word: string): string {
  const letter = short !== undefined && word === name ? ` -s ${short}` : '';
  return `-l ${word}${letter}${value === undefined ? '' : ' -r'} -d ${fishQuoted(help)}`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
