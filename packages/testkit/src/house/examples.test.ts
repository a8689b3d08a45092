// What the READMEs show is true: their programs compile, run and print what they say, and their commands work.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { repository } from '../repository.js';
import { blocks, examples, readmes, toJavaScript, typeErrors } from './examples.js';

const all = examples();
// Inside the repository, so that the packages are found.
const cache = path.join(repository, 'node_modules/.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(path.join(cache, 'examples-'));
const outside = mkdtempSync(path.join(tmpdir(), 'examples-'));
writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
afterAll(() => {
  for (const made of [folder, outside]) rmSync(made, { recursive: true });
});

const files = all.map(({ code }, i) => {
  const file = path.join(folder, `example-${i}.ts`);
  writeFileSync(file, code);
  writeFileSync(file.replace(/ts$/, 'js'), toJavaScript(code));
  return file;
});

test('each package has a page, with an example that prints', () => {
  const libraries = readmes().filter((page) => page !== 'README.md' && page !== 'packages/cli/README.md');
  expect(libraries.filter((page) => !all.some((each) => each.page === page && each.prints.length > 0))).toEqual([]);
});

test('examples are right for the type checker, and a wrong one is not', () => {
  const wrong = path.join(folder, 'wrong.ts');
  writeFileSync(wrong, "import { crc32 } from '@tintype/core';\nconst sum: string = crc32(1);\n");
  const errors = typeErrors([...files, wrong]);
  expect(errors.filter((line) => !line.startsWith('wrong.ts'))).toEqual([]);
  expect(errors.join()).toMatch(/wrong\.ts:2/);
});

test.each(all.map((example, i) => ({ ...example, file: files[i] as string })))('the example of $page', (example) => {
  const output = execFileSync(process.execPath, [example.file.replace(/ts$/, 'js')], {
    cwd: outside,
    encoding: 'utf8',
  });
  expect(output.trimEnd().split('\n')).toEqual(example.prints);
});

test('the first run of README.md', () => {
  const [install, ...commands] = blocks('README.md', 'sh')
    .slice(0, 2)
    .flatMap((block) => block.trim().split(/\n| && /));
  expect(install).toBe('npm ci');
  expect(commands).toHaveLength(3);
  for (const command of commands) {
    // A small folder instead of all packages, in a place of its own.
    const line = command.replace(' packages ', ' packages/core/src ').replaceAll('/tmp/', `${outside}/`);
    execFileSync('sh', ['-c', line], { cwd: repository, env: { ...process.env, TINTYPE_HOME: `${outside}/home` } });
  }
  const restored = path.join(outside, 'first-restored/volume.ts');
  expect(existsSync(restored)).toBe(true);
  expect(readFileSync(restored)).toEqual(readFileSync(path.join(repository, 'packages/core/src/volume.ts')));
}, 60_000);
