import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nameToBytes } from '@tintype/core';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { ENVIRONMENT, PROGRAM } from './built.testing.js';
import { typedWords } from './typed-words.js';

const typed = (...words: string[]): Uint8Array => Buffer.from(words.map((word) => `${word}\0`).join(''), 'latin1');

test('bytes that are not UTF-8 are those that were typed', () => {
  const words = ['ls', 'a\ufffd', '--json'];
  const found = typedWords(words, () => typed('node', 'tintype.js', 'ls', 'a\xff', '--json'));
  expect(found.map((word) => Buffer.from(nameToBytes(word)).toString('latin1'))).toEqual(['ls', 'a\xff', '--json']);
});

test('words that the system tells otherwise, or not at all, stay as they are', () => {
  const words = ['ls', 'a\ufffd'];
  expect(typedWords(words, () => typed('ls', 'b\xff'))).toBe(words);
  expect(typedWords(words, () => typed('a\xff'))).toBe(words);
  expect(typedWords(words, () => null)).toBe(words);
  expect(typedWords(['ls', 'é'], () => expect.fail('nothing is read for plain words'))).toEqual(['ls', 'é']);
});

/** Words of a shell: $'\xff' is one byte. */
function shell(folder: string, script: string) {
  return spawnSync('bash', ['-c', script.replaceAll('tintype ', '"$0" "$1" '), process.execPath, PROGRAM], {
    cwd: folder,
    env: ENVIRONMENT,
  });
}

test.skipIf(process.platform !== 'linux')('a source, an image, a target and a path that are not UTF-8', () => {
  withFolder((folder) => {
    const source = Buffer.concat([Buffer.from(`${folder}/s`), Buffer.of(0xff)]);
    mkdirSync(source);
    writeFileSync(Buffer.concat([source, Buffer.from('/f'), Buffer.of(0xe9)]), 'found');
    const { status, stderr } = shell(
      folder,
      `set -e
      for kind in dmg sparsebundle; do
        tintype backup $'s\\xff' $'i\\xfe'.$kind --size 20m -q
        tintype cat $'i\\xfe'.$kind $'/f\\xe9' > cat.$kind
        tintype restore $'i\\xfe'.$kind $'t\\xfd'.$kind --path $'/f\\xe9' -q
        tintype verify $'i\\xfe'.$kind -q
        tintype diff $'s\\xff' $'i\\xfe'.$kind -q
        tintype rescue $'i\\xfe'.$kind $'r\\xfc'.$kind -q
      done
      cp $'t\\xfd.dmg/f\\xe9' restored`,
    );
    expect([status, stderr.toString()]).toEqual([0, '']);
    for (const name of ['cat.dmg', 'cat.sparsebundle', 'restored'])
      expect([name, readFileSync(join(folder, name), 'utf8')]).toEqual([name, 'found']);
    expect(readdirSync(folder, 'buffer').filter((name) => name.includes('\ufffd'))).toEqual([]);
    const missing = shell(folder, "tintype ls $'no\\xff.dmg'");
    expect([missing.status, missing.stderr.toString()]).toEqual([
      1,
      'tintype: there is nothing at no\\xff.dmg. Check the path\n',
    ]);
  });
});
