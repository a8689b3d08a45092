// Snapshots of an APFS volume: making each of many, listing the live volume and old states, and deleting them.
//
//   node bench/snapshots.mjs [--snapshots 1000] [--files 20000] [--work FOLDER]
//
// A few files change before each one. Milliseconds are those of the call and its commit, without the host's own sync; ratios
// are what counts.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
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
    snapshots: { type: 'string', default: '1000' },
    files: { type: 'string', default: '20000' },
    work: { type: 'string' },
  },
});
const work = mkdtempSync(join(options.work ?? tmpdir(), 'tintype-snapshots-'));
const environment = { ...process.env, TINTYPE_HOME: join(work, 'home') };
const image = join(work, 'a.sparsebundle');
const count = Number(options.snapshots);
const files = Number(options.files);
/** Files that change between two snapshots. */
const CHANGED = 10;
/** Calls of which the best counts, at the beginning and at the end of a row. */
const SAMPLE = 10;

function run(...words) {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(tintype, words, { env: environment, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${words.join(' ')}: status ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}
function milliseconds(call) {
  const start = process.hrtime.bigint();
  call();
  return Number(process.hrtime.bigint() - start) / 1e6;
}
const best = (times) => Math.min(...times);
const report = (title, first, last, aim) =>
  console.log(
    `${title.padEnd(44)}${first.toFixed(1).padStart(9)}${last.toFixed(1).padStart(9)}${(last / first).toFixed(2).padStart(8)}  ${aim}`,
  );

/** A volume of many small files in folders of 200; answers the ids of the files. */
function fill({ live, fileSystem }) {
  const bytes = Buffer.alloc(5000, 0x61);
  const ids = [];
  for (let folder = 0; folder * 200 < files; folder += 1) {
    const [parent] = live.create(live.root.id, [newItem(`folder-${folder}`, 'directory', 0)]);
    const names = Array.from({ length: 200 }, (_, i) => newItem(`file-${i}`, 'file', bytes.length));
    for (const id of live.create(parent, names)) {
      live.write(id, 0, bytes);
      ids.push(id);
    }
  }
  fileSystem.commit();
  return ids;
}

/** Makes all snapshots; answers how long each took. */
function makeAll() {
  const stack = openStack(image, { ...hostContext(), writable: true });
  const { live, fileSystem } = stack;
  const ids = fill(stack);
  const bytes = Buffer.alloc(5000, 0x62);
  const times = [];
  const change = (i) => {
    for (let k = 0; k < CHANGED; k += 1) live.write(ids[(i * 7919 + k * 104_729) % ids.length], 0, bytes);
    fileSystem.commit();
  };
  for (let i = 0; i < count; i += 1) {
    change(i);
    times.push(milliseconds(() => fileSystem.createSnapshot(live, `snapshot-${i}`)));
  }
  change(count);
  stack.close();
  return times;
}

/** Deletes some, by their place in the list; answers how long each took. */
function deleteSome(pick) {
  const stack = openStack(image, { ...hostContext(), writable: true });
  const { live, fileSystem } = stack;
  const times = [];
  for (let i = 0; i < SAMPLE; i += 1) {
    const { xid } = live.snapshots.at(pick(live.snapshots.length));
    times.push(milliseconds(() => fileSystem.deleteSnapshot(live, xid)));
  }
  stack.close();
  return times;
}

try {
  run('create', image, '--size', '100g', '--fs', 'apfs');
  const times = makeAll();
  console.log(`${count} snapshots of a volume of ${files} files, ${CHANGED} changed before each\n`);
  console.log(`${''.padEnd(44)}${'first ms'.padStart(9)}${'last ms'.padStart(9)}${'ratio'.padStart(8)}  aim`);
  report('making one', best(times.slice(0, SAMPLE)), best(times.slice(-SAMPLE)), '<= 50 ms, ratio <= 1.5');
  const live = best([run('ls', image, '/folder-3'), run('ls', image, '/folder-3'), run('ls', image, '/folder-3')]);
  for (const number of [0, count >> 1, count - 1]) {
    const words = ['ls', image, '/folder-3', '--snapshot', `snapshot-${number}`];
    report(
      `ls of the live volume, of snapshot ${number}`,
      live,
      best([run(...words), run(...words), run(...words)]),
      'ratio <= 1.5',
    );
  }
  const middle = best(deleteSome((length) => length >> 1));
  report('deleting one in the middle, the oldest', middle, best(deleteSome(() => 0)), 'alike: alike much is theirs');
  report('deleting one in the middle, the newest', middle, best(deleteSome(() => -1)), 'alike: alike much is theirs');
  console.log(`verify: ${(run('verify', image) / 1000).toFixed(1)} s`);
  if (spawnSync('sh', ['-c', 'command -v apfsck']).status === 0) {
    const raw = join(work, 'raw');
    run('raw', image, raw, '--volume', '0');
    const { status, stdout, stderr } = spawnSync('apfsck', ['-cuw', raw], { maxBuffer: 1 << 28 });
    const words = `${stdout}${stderr}`.trim();
    console.log(`apfsck -cuw: status ${status}${words ? `, ${words.slice(0, 500)}` : ', silent'}`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
