// The first backup of one large random file into a sparse bundle that is encrypted (AES-256) against one that is not, in
// alternating turns.
//
//   node bench/encryption.mjs [--megabytes 4096] [--turns 5] [--fs hfs+] [--work FOLDER]

import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(fileURLToPath(new URL('.', import.meta.url)), '..');
const tintype = join(root, 'node_modules/.bin/tintype');
const { values: options } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '4096' },
    turns: { type: 'string', default: '5' },
    fs: { type: 'string', default: 'hfs+' },
    work: { type: 'string' },
  },
});
const work = mkdtempSync(join(options.work ?? tmpdir(), 'tintype-encryption-'));
const source = join(work, 'source');
const secret = join(work, 'secret');
const environment = { ...process.env, TINTYPE_HOME: join(work, 'home') };

function makeSource(megabytes) {
  spawnSync('mkdir', [source]);
  const file = openSync(join(source, 'large'), 'w');
  const block = Buffer.alloc(1 << 20);
  for (let i = 0; i < megabytes; i += 1) writeSync(file, randomFillSync(block));
  closeSync(file);
}

/** Wall and processor seconds of one backup, with the file in the host's cache before, and nothing of it dirty after. */
function backup(words) {
  const image = join(work, 'a.sparsebundle');
  rmSync(image, { recursive: true, force: true });
  spawnSync('sync');
  spawnSync('cat', [join(source, 'large')], { stdio: 'ignore' });
  const report = join(work, 'time');
  const command = [tintype, 'backup', source, image, '--fs', options.fs, ...words];
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync('/usr/bin/time', ['-o', report, '-f', '%U %S %M', ...command], {
    env: environment,
  });
  const wall = Number(process.hrtime.bigint() - start) / 1e9;
  if (status !== 0) throw new Error(`backup: status ${status}: ${stderr}`);
  const [user, system, kilobytes] = readFileSync(report, 'utf8').trim().split('\n').at(-1).split(' ').map(Number);
  return { wall, processor: user + system, megabytes: kilobytes / 1000 };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

try {
  writeFileSync(secret, 'correct horse');
  makeSource(Number(options.megabytes));
  const ways = { clear: [], encrypted: ['--encryption', 'aes-256', '--passphrase-file', secret] };
  const results = { clear: [], encrypted: [] };
  for (let turn = 0; turn < Number(options.turns); turn += 1)
    for (const [way, words] of Object.entries(ways)) {
      const result = backup(words);
      results[way].push(result);
      console.log(
        `${way.padEnd(10)} ${result.wall.toFixed(2)} s, processor ${result.processor.toFixed(2)} s, ${result.megabytes.toFixed(0)} MB`,
      );
    }
  for (const measure of ['wall', 'processor']) {
    const [clear, encrypted] = ['clear', 'encrypted'].map((way) => median(results[way].map((each) => each[measure])));
    console.log(`${measure}: encrypted ${(encrypted / clear).toFixed(2)} x clear`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
