import { UsageError } from '@tintype/engine/run';
import type { CommandBody } from '../command.js';
import { COMMANDS, COMMON } from '../command-table.js';
import { EXIT } from '../exit-status.js';
import { writeOut } from '../terminal.js';

export const run: CommandBody = (parsed) => {
  const [shell = ''] = parsed.operands;
  const script = { bash, zsh, fish }[shell as 'bash' | 'zsh' | 'fish'];
  if (!script) throw new UsageError(`there is no completion for ${shell}: bash, zsh or fish`);
  writeOut(script());
  return EXIT.done;
};

const names = () => COMMANDS.map(({ name }) => name).join(' ');
const optionsOf = (name: string) =>
  [...(COMMANDS.find((command) => command.name === name)?.options ?? []), ...COMMON]
    .flatMap(({ name, negatable }) => (negatable ? [`--${name}`, `--no-${name}`] : [`--${name}`]))
    .join(' ');

function bash(): string {
  const cases = COMMANDS.map(({ name }) => `    ${name}) words="${optionsOf(name)}" ;;`).join('\n');
  return `_tintype() {
  local word=\${COMP_WORDS[COMP_CWORD]} words=
  if [ "$COMP_CWORD" = 1 ]; then words="${names()}"; else
  case \${COMP_WORDS[1]} in
${cases}
  esac; fi
  case $word in -*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;; *) [ "$COMP_CWORD" = 1 ] && COMPREPLY=($(compgen -W "$words" -- "$word")) || COMPREPLY=($(compgen -f -- "$word")) ;; esac
}
complete -o filenames -F _tintype tintype
`;
}

function zsh(): string {
  const cases = COMMANDS.map(({ name }) => `    ${name}) compadd -- ${optionsOf(name)}; _files ;;`).join('\n');
  return `#compdef tintype
if (( CURRENT == 2 )); then compadd -- ${names()}; else
  case $words[2] in
${cases}
  esac
fi
`;
}

function fish(): string {
  const lines = COMMANDS.flatMap(({ name, purpose, options }) => [
    `complete -c tintype -n __fish_use_subcommand -a ${name} -d '${purpose.replaceAll("'", "\\'")}'`,
    ...options.map(
      (option) =>
        `complete -c tintype -n '__fish_seen_subcommand_from ${name}' -l ${option.name} -d '${option.help.replaceAll("'", "\\'")}'`,
    ),
  ]);
  return `${lines.join('\n')}\n`;
}
