// Compact, info and resize of a sparse bundle of 1 TB: 12,500 bands that are sparse files, half of the volume's blocks in them
// free, in stretches of a size of one's own choice.
//
//   node bench/space.mjs [--bands 12500] [--stretch 1048576] [--work FOLDER]

import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { newItem } from './new-item.mjs';

const root = resolve(fileURLToPath(new URL('.', import.meta.url)), '..');
const tintype = join(root, 'node_modules/.bin/tintype');
const { hostContext, openStack } = await import(join(root, 'packages/engine/dist/index.js'));
const { values: options } = parseArgs({
  options: {
    bands: { type: 'string', default: '12500' },
    stretch: { type: 'string', default: String(1 << 20) },
    work: { type: 'string' },
  },
});
const work = mkdtempSync(join(options.work ?? tmpdir(), 'tintype-space-'));
const environment = { ...process.env, TINTYPE_HOME: join(work, 'home') };
const image = join(work, 'a.sparsebundle');
const TERABYTE = 1e12;

function measure(title, ...words) {
  const report = join(work, 'time');
  const start = process.hrtime.bigint();
  const { status, stderr, stdout } = spawnSync('/usr/bin/time', ['-o', report, '-f', '%M', tintype, ...words], {
    env: environment,
  });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (status !== 0) throw new Error(`${words.join(' ')}: status ${status}: ${stderr}`);
  const megabytes = Number(readFileSync(report, 'utf8').trim().split('\n').at(-1)) / 1000;
  console.log(`${title.padEnd(28)}${seconds.toFixed(2).padStart(8)} s${megabytes.toFixed(0).padStart(6)} MB`);
  return stdout.toString();
}

/** Files of one stretch each, every other one gone again: the bands up to `bytes` are half free. */
function halfFree(bytes, stretch) {
  const stack = openStack(image, { ...hostContext(), writable: true });
  const { live, fileSystem } = stack;
  const [folder] = live.create(live.root.id, [newItem('folder', 'directory', 0)]);
  const count = Math.floor(bytes / stretch);
  for (let i = 0; i < count; i += 1) {
    const [id] = live.create(folder, [newItem(`file-${i}`, 'file', stretch)]);
    live.truncate(id, stretch);
    if (i % 500 === 0) fileSystem.commit();
  }
  for (let i = 0; i < count; i += 2) {
    live.remove(folder, `file-${i}`);
    if (i % 500 === 0) fileSystem.commit();
  }
  stack.close();
}

/** Bands that are not there, with a stored page every MiB. */
function fillBands(count) {
  const folder = join(image, 'bands');
  const bandSize = Number(/band-size<\/key>\s*<integer>(\d+)/.exec(readFileSync(join(image, 'Info.plist'), 'utf8'))[1]);
  const page = Buffer.alloc(4096, 0xa5);
  const there = new Set(readdirSync(folder));
  // Bands of the trees, where zeros are not stored, stay as they are.
  for (let band = 200; band < count; band += 1) {
    const name = band.toString(16);
    if (there.has(name)) continue;
    const file = openSync(join(folder, name), 'wx');
    ftruncateSync(file, bandSize);
    for (let at = 0; at < bandSize; at += 1 << 20) writeSync(file, page, 0, page.length, at);
    closeSync(file);
  }
  return bandSize;
}

try {
  const bands = Number(options.bands);
  spawnSync(tintype, ['create', image, '--size', String(TERABYTE), '--fs', 'hfs+'], { env: environment });
  halfFree(bands * (16 << 20), Number(options.stretch));
  const bandSize = fillBands(bands);
  console.log(`${readdirSync(join(image, 'bands')).length} bands of ${bandSize} bytes`);
  measure('info', 'info', image);
  measure('compact --dry-run', 'compact', image, '--dry-run');
  measure('compact', 'compact', image, '--allow-battery');
  measure('compact again', 'compact', image, '--allow-battery');
  measure('resize to 2 TB', 'resize', image, '--size', '2tb', '--force');
  measure('resize to 16 TB', 'resize', image, '--size', '15tb', '--force');
  measure('verify', 'verify', image);
} finally {
  rmSync(work, { recursive: true, force: true });
}
