// Verify against the checkers of others: structure against fsck.hfsplus and apfsck, contents against openssl.
//
//   node bench/verify.mjs --tree FOLDER [--turns 3] [--fs hfs+,apfs] [--work FOLDER]

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(fileURLToPath(new URL('.', import.meta.url)), '..');
const tintype = join(root, 'node_modules/.bin/tintype');
const { values: options } = parseArgs({
  options: {
    tree: { type: 'string' },
    turns: { type: 'string', default: '3' },
    fs: { type: 'string', default: 'hfs+,apfs' },
    work: { type: 'string' },
  },
});
if (!options.tree) throw new Error('say which tree: --tree FOLDER');
const tree = resolve(options.tree);
const work = mkdtempSync(join(options.work ?? tmpdir(), 'tintype-verify-'));
const oracles = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tintype-oracles/bin');
const environment = { ...process.env, TINTYPE_HOME: join(work, 'home'), PATH: `${oracles}:${process.env.PATH}` };

/** Seconds of one call. */
function time([program, ...words]) {
  const start = process.hrtime.bigint();
  const { status, stderr, error } = spawnSync(program, words, { env: environment, maxBuffer: 1 << 30, cwd: tree });
  if (error || status !== 0)
    throw new Error(`${program} ${words.join(' ')}: ${error ?? `status ${status}: ${stderr}`}`);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** Ours and theirs, in turns; the best of each. */
function compare(job, ours, theirs, judge) {
  let best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let turn = 0; turn < Number(options.turns); turn += 1)
    best = [ours, theirs].map((call, i) => Math.min(best[i], time(call)));
  const [mine, other] = best;
  const cells = [
    job,
    mine.toFixed(2),
    `\`${theirs[0] === 'sh' ? 'openssl' : theirs[0]}\` ${other.toFixed(2)}`,
    (mine / other).toFixed(2),
    judge(mine, other),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

const checkers = { 'hfs+': ['fsck.hfsplus', '-fdn'], apfs: ['apfsck', '-cuw'] };
try {
  console.log('| job | tintype s | peer s | tintype / peer | aim |\n| --- | --- | --- | --- | --- |');
  for (const fs of options.fs.split(',')) {
    const image = join(work, `${fs}.sparsebundle`);
    const raw = join(work, `${fs}.raw`);
    time([tintype, 'backup', tree, image, '--fs', fs, '--size', '20g', '--quiet']);
    time([tintype, 'raw', image, raw, '--volume', '0', '--quiet']);
    const structure = (mine, other) =>
      `${(1.5 * other + 0.3).toFixed(2)} s: ${mine <= 1.5 * other + 0.3 ? 'met' : 'not met'}`;
    compare(`verify, ${fs}`, [tintype, 'verify', image], [...checkers[fs], raw], structure);
    rmSync(raw);
    const hash = ['sh', '-c', 'find . -type f -print0 | xargs -0 openssl dgst -sha256 > /dev/null'];
    const contents = (mine, other) => `${(other / 0.8).toFixed(2)} s: ${mine <= other / 0.8 ? 'met' : 'not met'}`;
    compare(`verify --data, ${fs}`, [tintype, 'verify', image, '--data'], hash, contents);
    rmSync(image, { recursive: true });
  }
} finally {
  if (existsSync(work)) rmSync(work, { recursive: true });
}
