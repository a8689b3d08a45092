// Where the command takes a passphrase from: asked for twice on a terminal, a file, a descriptor, the environment, standard input.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingPrograms, temporaryFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { ENVIRONMENT, PROGRAM } from './built.testing.js';
import { COMMANDS } from './command-table.js';

const MAKING = ['--size', '20m', '--kdf-rounds', '1000', '--encryption', 'aes-128'];
const PASSPHRASE = 'Grüße 1';

interface Given {
  readonly words?: readonly string[];
  readonly input?: string;
  readonly variables?: Record<string, string>;
  /** Becomes descriptor 3. */
  readonly descriptor?: string;
}

/** Exit status. */
function call(words: readonly string[], { words: more = [], input = '', variables, descriptor }: Given): number | null {
  const third = descriptor === undefined ? [] : [openSync(descriptor, 'r')];
  const env = { ...ENVIRONMENT, ...variables };
  const stdio = ['pipe', 'pipe', 'pipe', ...third] as const;
  const { status } = spawnSync(process.execPath, [PROGRAM, ...words, ...more], { input, env, stdio: [...stdio] });
  for (const each of third) closeSync(each);
  return status;
}

test('B37 by file, descriptor, environment, standard input; a trailing newline is not part of it', () => {
  const folder = temporaryFolder();
  const put = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const ways = (text: string): Given[] => [
    { words: ['--passphrase-file', put('file', text)] },
    { words: ['--passphrase-fd', '3'], descriptor: put('descriptor', text) },
    { words: ['--stdinpass'], input: text },
  ];
  const all = [...ways(PASSPHRASE), ...ways(`${PASSPHRASE}\n`), { variables: { TINTYPE_PASSPHRASE: PASSPHRASE } }];
  for (const [i, making] of all.entries()) {
    const image = join(folder, `${i}.sparsebundle`);
    expect(call(['create', image, ...MAKING], making), JSON.stringify(making)).toBe(0);
    // Made one way, opened another.
    const reading = all[(i + 3) % all.length] ?? {};
    expect(call(['ls', image], reading), JSON.stringify([making, reading])).toBe(0);
  }
  const image = join(folder, '0.sparsebundle');
  expect(call(['ls', image], {})).toBe(4);
  expect(call(['ls', image], { words: ['--stdinpass'], input: `${PASSPHRASE}\n\n` })).toBe(4);
});

test('B37 never on the command line', () => {
  const image = join(temporaryFolder(), 'a.sparsebundle');
  for (const option of ['--passphrase', '--password', '--new-passphrase', '-p']) {
    expect(call(['create', image, ...MAKING, option, PASSPHRASE], {}), option).toBe(2);
    expect(call(['create', image, ...MAKING, `${option}=${PASSPHRASE}`], {}), option).toBe(2);
  }
  expect(call(['create', image, ...MAKING, '--stdinpass', PASSPHRASE], { input: PASSPHRASE })).toBe(2);
  const options = COMMANDS.flatMap((command) => command.options.map(({ name }) => name));
  const secret = new Set(options.filter((name) => /pass|secret|key/.test(name)));
  expect([...secret].sort()).toEqual([
    'new-passphrase-fd',
    'new-passphrase-file',
    'passphrase-fd',
    'passphrase-file',
    'stdinpass',
  ]);
});

test('B37 a second one is that of the copy, from wherever it comes; the first serves for both only if it is the only one', () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  for (const name of ['one', 'two']) writeFileSync(at(name), name);
  const [clear, locked] = [at('clear.sparsebundle'), at('locked.sparsebundle')];
  const [one, two] = [
    ['--passphrase-file', at('one')],
    ['--new-passphrase-file', at('two')],
  ] as const;
  const rounds = ['--kdf-rounds', '1000'];
  expect(call(['create', clear, '--size', '20m'], {})).toBe(0);
  expect(call(['create', locked, ...MAKING, ...one], {})).toBe(0);
  let count = 0;
  const copy = (command: string, image: string, given: Given): string => {
    const out = at(`${count}.${command === 'convert' ? 'dmg' : 'sparsebundle'}`);
    count += 1;
    const words = [command, image, out, ...rounds, ...(command === 'migrate' ? ['--size', '20m'] : [])];
    expect(call(words, given), JSON.stringify([words, given])).toBe(0);
    return out;
  };
  for (const [command, image, given, passphrase] of [
    ['convert', clear, { words: two }, 'two'],
    ['convert', clear, { words: [...one, ...two] }, 'two'],
    ['convert', clear, { variables: { TINTYPE_NEW_PASSPHRASE: 'two' } }, 'two'],
    ['convert', clear, { words: one }, 'one'],
    ['convert', clear, { variables: { TINTYPE_PASSPHRASE: 'one' } }, null],
    ['convert', locked, { words: ['--stdinpass'], input: 'one\0two\0' }, 'two'],
    ['convert', locked, { words: ['--stdinpass'], input: 'one' }, 'one'],
    ['convert', locked, { words: [...one, '--encryption', 'none'] }, null],
    ['migrate', clear, { words: two }, 'two'],
    ['migrate', locked, { words: ['--stdinpass'], input: 'one\0two\0' }, 'two'],
  ] as const) {
    const reading = passphrase === null ? [] : ['--passphrase-file', at(passphrase)];
    const out = copy(command, image, given);
    expect(call(['ls', out, ...reading], {}), JSON.stringify([command, image, given])).toBe(0);
    if (passphrase !== null) expect(call(['ls', out], {})).toBe(4);
  }
  expect(call(['diff', clear, locked, ...two], {})).toBe(4);
  expect(call(['diff', clear, locked, '--new-passphrase-file', at('one')], {})).toBe(0);
  expect(call(['backup', folder, locked, '--new-passphrase-file', at('one'), '--exclude', '*.*'], {})).toBe(0);
}, 120_000);

/** On a terminal of its own; answers the questions in turn. */
async function onTerminal(words: readonly string[], answers: readonly string[]) {
  const quoted = [process.execPath, PROGRAM, ...words].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-q', '-e', '-f', '-c', quoted, '/dev/null'], { env: ENVIRONMENT });
  let shown = '';
  const waiting = [...answers];
  child.stdout.on('data', (text) => {
    shown += String(text);
    const asked = answers.length - waiting.length;
    if (shown.split(/assphrase of [^:]*: |once more: /).length - 1 > asked) child.stdin.write(`${waiting.shift()}\r`);
  });
  const [status] = (await once(child, 'close')) as [number];
  return { status, shown };
}

test.skipIf(missingPrograms('script').skip)('B37 asked for twice on a terminal, and not shown', async () => {
  const folder = temporaryFolder();
  const image = join(folder, 'a.sparsebundle');
  const differing = await onTerminal(['create', image, ...MAKING], ['secret', 'secrets']);
  expect(differing.shown).toContain('the two passphrases differ');
  expect(differing.status).toBe(4);
  expect(readdirSync(folder)).toEqual([]);
  const made = await onTerminal(['create', image, ...MAKING], [PASSPHRASE, PASSPHRASE]);
  expect(made.shown).toMatch(/New passphrase of [^\n]*\n[^\n]*The same once more: /);
  expect(made.shown).not.toContain('Gr');
  expect(made.status).toBe(0);
  const opened = await onTerminal(['ls', image], [PASSPHRASE]);
  expect(opened.shown).not.toContain('once more');
  expect(opened.status).toBe(0);
  expect((await onTerminal(['ls', image], ['wrong'])).status).toBe(4);
  // Ctrl-D at the first question: the second is not asked.
  const refused = await onTerminal(['passwd', image], ['\x04']);
  expect([refused.status, refused.shown.includes('New passphrase')]).toEqual([4, false]);
});
