// Compiles the kernels of `packages/PACKAGE/kernels` (AssemblyScript) to WebAssembly, and puts them as text into modules
// of `packages/PACKAGE/src/kernels`, so that they are wherever the package is, in the command's bundle too. A test says
// when these are out of date.
//
//   node scripts/kernels.mjs

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const FLAGS = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--use', 'abort='];

const KERNELS = {
  lzfse: { home: 'codec', flags: [] },
  cbc: { home: 'image', flags: ['--enable', 'simd'] },
};

/** The WebAssembly of one kernel, by name. */
export async function compiled(name) {
  const { home, flags } = KERNELS[name];
  let binary = null;
  const { error, stderr } = await asc.main(
    [`packages/${home}/kernels/${name}.ts`, '--outFile', `${name}.wasm`, ...FLAGS, ...flags],
    {
      baseDir: root,
      writeFile: (_file, contents) => {
        binary = contents;
      },
    },
  );
  if (error || !binary) throw new Error(`the kernel ${name} does not compile: ${error?.message}\n${stderr}`);
  return binary;
}

/** The module of a kernel, as it lies in the package. */
export function moduleOf(name, binary) {
  const text = Buffer.from(binary).toString('base64');
  return (
    `// Made by scripts/kernels.mjs from packages/${KERNELS[name].home}/kernels/${name}.ts; do not edit.\n\n` +
    `export const ${name.toUpperCase()}_BINARY =\n  '${text}';\n`
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [name, { home }] of Object.entries(KERNELS)) {
    const file = path.join(root, 'packages', home, 'src/kernels', `${name}-binary.ts`);
    writeFileSync(file, moduleOf(name, await compiled(name)));
  }
