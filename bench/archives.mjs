// Read-only images against mksquashfs and 7-Zip, in one run: each job alternating, every turn ended by `sync`, all warm.
// Prints best wall time, peak memory and size, and ratios of best wall times.
//
//   node bench/archives.mjs --tree FOLDER [--turns 3] [--work FOLDER] [--encryption aes-256]

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(fileURLToPath(new URL('.', import.meta.url)), '..');
const tintype = join(root, 'node_modules/.bin/tintype');
const { values: options } = parseArgs({
  options: {
    tree: { type: 'string' },
    turns: { type: 'string', default: '3' },
    work: { type: 'string' },
    encryption: { type: 'string', default: 'none' },
  },
});
if (!options.tree) throw new Error('--tree FOLDER: scripts/bench-tree makes one');
const work = mkdtempSync(join(options.work ?? tmpdir(), 'tintype-bench-'));
const environment = { ...process.env, TINTYPE_HOME: join(work, 'home'), TINTYPE_PASSPHRASE: 'bench' };
const tree = options.tree;

/** Runs a command, then `sync`; answers seconds and peak memory in bytes. */
function measure(words, out) {
  rmSync(out, { force: true });
  const report = join(work, 'time');
  spawnSync('sync');
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync('/usr/bin/time', ['-o', report, '-f', '%M', ...words], { env: environment });
  spawnSync('sync');
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (status !== 0) throw new Error(`${words.join(' ')}: status ${status}\n${stderr}`);
  return { seconds, memory: Number(readFileSync(report, 'utf8').trim().split('\n').at(-1)) * 1024 };
}

const encrypted = options.encryption === 'none' ? [] : ['--encryption', options.encryption];
const backup = (format, ...rest) => [
  tintype,
  'backup',
  tree,
  join(work, `${format}.dmg`),
  '--quiet',
  '--format',
  format,
  ...rest,
  ...encrypted,
];
const squash = (...rest) => [
  'mksquashfs',
  tree,
  join(work, 'squash'),
  '-comp',
  'gzip',
  '-noappend',
  '-quiet',
  '-no-progress',
  ...rest,
];

/** Name, command, file. The first two are what the others are compared with. */
const jobs = [
  ['mksquashfs -comp gzip', squash(), 'squash'],
  ['udzo', backup('udzo'), 'udzo.dmg'],
  ['udzo --level 9', backup('udzo', '--level', '9'), 'udzo.dmg'],
  ['udzo --level 6', backup('udzo', '--level', '6'), 'udzo.dmg'],
  ['ulfo', backup('ulfo'), 'ulfo.dmg'],
];
const readers = [
  ['7zz t udzo', ['7zz', 't', '-tdmg', join(work, 'udzo.dmg')]],
  ['verify --quick udzo', [tintype, 'verify', '--quick', join(work, 'udzo.dmg')]],
  ['convert udzo to raw', [tintype, 'convert', join(work, 'udzo.dmg'), join(work, 'raw.img'), '--format', 'udrw']],
  ['7zz t ulfo', ['7zz', 't', '-tdmg', join(work, 'ulfo.dmg')]],
  ['verify --quick ulfo', [tintype, 'verify', '--quick', join(work, 'ulfo.dmg')]],
];

const best = new Map();
function note(name, words, out, size) {
  const { seconds, memory } = measure(words, out);
  const known = best.get(name);
  const bytes = size ? statSync(out).size : 0;
  best.set(name, {
    seconds: Math.min(seconds, known?.seconds ?? seconds),
    memory: Math.max(memory, known?.memory ?? 0),
    bytes,
  });
}

try {
  for (let turn = 0; turn < Number(options.turns); turn += 1) {
    for (const [name, words, file] of jobs) note(name, words, join(work, file), true);
    if (encrypted.length > 0) continue;
    measure(backup('udzo'), join(work, 'udzo.dmg'));
    for (const [name, words] of readers) note(name, words, join(work, 'raw.img'), false);
  }
  const squashed = best.get('mksquashfs -comp gzip');
  for (const [name, { seconds, memory, bytes }] of best) {
    const peer = name.includes(' udzo')
      ? '7zz t udzo'
      : name.includes(' ulfo')
        ? '7zz t ulfo'
        : 'mksquashfs -comp gzip';
    const ratio = (seconds / best.get(peer).seconds).toFixed(2);
    const size = bytes > 0 ? `  ${(bytes / 1e6).toFixed(1)} MB (${(bytes / squashed.bytes).toFixed(2)} x)` : '';
    process.stdout.write(
      `${name.padEnd(24)} ${seconds.toFixed(2).padStart(8)} s  ${ratio} x ${peer}  ${(memory / 1e6).toFixed(0)} MB memory${size}\n`,
    );
  }
} finally {
  rmSync(work, { recursive: true });
}
