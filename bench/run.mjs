// Benchmarks against peers, in one run: the same job with each tool that is installed, alternating, every turn ended by
// `sync`, all warm. Prints best and median of wall time, CPU time and peak memory, and ratios of best wall times.
//
//   npm run bench -- [--jobs first,nothing,onepercent,big,restore,many] [--turns 3] [--work FOLDER] [--tree FOLDER] [--json FILE]
//
// `--tree` is Debian's linux-source-6.1 unpacked (scripts/bench-tree makes it); it is only read.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(fileURLToPath(new URL('.', import.meta.url)), '..');
const tintype = join(root, 'node_modules/.bin/tintype');
const { values: options } = parseArgs({
  options: {
    jobs: { type: 'string', default: 'first,nothing,onepercent,big,restore,many' },
    turns: { type: 'string', default: '3' },
    work: { type: 'string' },
    tree: { type: 'string' },
    fs: { type: 'string', default: 'hfs+' },
    tools: { type: 'string' },
    json: { type: 'string' },
  },
});
const turns = Number(options.turns);
const work = mkdtempSync(join(options.work ?? tmpdir(), 'tintype-bench-'));
const environment = {
  ...process.env,
  TINTYPE_HOME: join(work, 'home'),
  RESTIC_PASSWORD: 'bench',
  RESTIC_CACHE_DIR: join(work, 'restic-cache'),
  BORG_BASE_DIR: join(work, 'borg-base'),
  BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
};
// Where it is set, each start of Node reads all certificates: 50 ms that no network needs here.
delete environment.NODE_EXTRA_CA_CERTS;

function has(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

/** Runs a shell command, then `sync`, and answers seconds, CPU seconds and peak memory in bytes. */
function measure(command) {
  const report = join(work, 'time');
  const script = `/usr/bin/time -o ${report} -f '%U %S %M' sh -c ${quote(`exec ${command}`)} >${join(work, 'out')} 2>&1; status=$?; sync; exit $status`;
  spawnSync('sync');
  const start = process.hrtime.bigint();
  const { status } = spawnSync('sh', ['-c', script], { env: environment });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (status !== 0)
    throw new Error(`${command}: status ${status}\n${readFileSync(join(work, 'out'), 'utf8').slice(-2000)}`);
  const [user, system, kilobytes] = readFileSync(report, 'utf8').trim().split('\n').at(-1).split(' ').map(Number);
  return { seconds, cpu: user + system, memory: kilobytes * 1024 };
}

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const sh = (command) => {
  const { status, stderr } = spawnSync('sh', ['-c', command], { env: environment });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
};

/** Where each tool keeps its copy, how it makes one, and how it gets it back. */
const tools = {
  tintype: {
    present: () => existsSync(tintype),
    first: (source, target) =>
      `${tintype} backup ${source} ${target}.sparsebundle --fs ${options.fs} --size 200g --quiet`,
    again: (source, target) => `${tintype} backup ${source} ${target}.sparsebundle --quiet`,
    restore: (target, out) => `${tintype} restore ${target}.sparsebundle ${out} --quiet`,
  },
  tar: { present: () => has('tar'), first: (source, target) => `tar cf ${target}.tar -C ${source} .` },
  rsync: {
    present: () => has('rsync'),
    first: (source, target) => `rsync -a ${source}/ ${target}.rsync/`,
    again: (source, target) => `rsync -a ${source}/ ${target}.rsync/`,
  },
  cp: {
    present: () => has('cp'),
    first: (source, target) => `cp -a ${source} ${target}.cp`,
    restore: (target, out) => `cp -a ${target}.cp ${out}`,
  },
  restic: {
    present: () => has('restic'),
    prepare: (target) => `restic init -q -r ${target}.restic`,
    first: (source, target) => `restic backup -q -r ${target}.restic ${source}`,
    again: (source, target) => `restic backup -q -r ${target}.restic ${source}`,
  },
  borg: {
    present: () => has('borg'),
    prepare: (target) => `borg init -e none ${target}.borg`,
    first: (source, target) => `borg create ${target}.borg::a ${source}`,
    again: (source, target) => `borg create ${target}.borg::b-$$ ${source}`,
  },
};
const wanted = options.tools?.split(',');
const installed = Object.entries(tools).filter(([name, tool]) => tool.present() && (!wanted || wanted.includes(name)));

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Prints one table: a row a tool, ratios of best wall times in the last column. */
function table(title, rows) {
  console.log(`\n${title}`);
  console.log('tool       best s  median s   cpu s   peak MB  tintype/tool');
  const ours = rows.find(({ name }) => name === 'tintype');
  for (const { name, runs } of rows) {
    const best = Math.min(...runs.map(({ seconds }) => seconds));
    const ratio = ours ? Math.min(...ours.runs.map(({ seconds }) => seconds)) / best : Number.NaN;
    const cells = [
      best.toFixed(2),
      median(runs.map((r) => r.seconds)).toFixed(2),
      median(runs.map((r) => r.cpu)).toFixed(2),
      (Math.max(...runs.map((r) => r.memory)) / 1e6).toFixed(0),
      ratio.toFixed(2),
    ];
    console.log(`${name.padEnd(9)}${cells.map((cell) => cell.padStart(9)).join('')}`);
  }
  results.push({ title, rows });
}
const results = [];

/** Turns of all tools one after another, so that the machine's moods meet all of them alike. */
function alternate(title, list, turn) {
  const rows = list.map(([name]) => ({ name, runs: [] }));
  for (let i = 0; i < turns; i += 1)
    for (const [index, [name, tool]] of list.entries()) rows[index].runs.push(turn(name, tool, i));
  table(title, rows);
}

/** ext4 passes over inodes that were deleted in the last five seconds, which makes whoever creates files next slow. */
const SETTLE_SECONDS = 6;

function remove(target) {
  sh(`rm -rf ${target} ${target}.*; sync; sleep ${SETTLE_SECONDS}`);
}

/** What an image takes on the host, beside the source's data in whole blocks of 4 KiB. */
function imageSize(image, source) {
  const stored = Number(output('du', ['-s', '--block-size=1', image]).split('\t')[0]);
  const sizes = output('find', [source, '-type', 'f', '-printf', '%s\n']).split('\n').filter(Boolean);
  const data = sizes.reduce((sum, size) => sum + Math.ceil(Number(size) / 4096) * 4096, 0);
  return `image ${(stored / 1e6).toFixed(0)} MB on the host, data in whole 4 KiB blocks ${(data / 1e6).toFixed(0)} MB`;
}

const output = (command, words) => spawnSync(command, words, { maxBuffer: 1 << 28 }).stdout.toString();

function firstBackup(title, source, list) {
  let size = '';
  alternate(title, list, (name, tool) => {
    const target = join(work, `first-${name}`);
    remove(target);
    if (tool.prepare) sh(tool.prepare(target));
    const figures = measure(tool.first(source, target));
    if (name === 'tintype') size = imageSize(`${target}.sparsebundle`, source);
    remove(target);
    return figures;
  });
  console.log(size);
}

function secondBackup(title, source, change) {
  const list = installed.filter(([, tool]) => tool.again);
  for (const [name, tool] of list) {
    const target = join(work, `again-${name}`);
    if (tool.prepare) sh(tool.prepare(target));
    measure(tool.first(source, target));
  }
  let round = 0;
  alternate(title, list, (name, tool, turn) => {
    if (change && turn >= round) {
      change(round);
      round += 1;
    }
    return measure(tool.again(source, join(work, `again-${name}`)));
  });
  for (const [name] of list) remove(join(work, `again-${name}`));
}

/** Appends a line to every hundredth file of a tree. */
function changeOnePercent(tree) {
  const files = output('find', [tree, '-type', 'f', '-print0']).split('\0').filter(Boolean);
  return (round) => {
    for (let i = round; i < files.length; i += 100) appendFileSync(files[i], `round ${round}\n`);
    spawnSync('sleep', ['3']);
  };
}

function bigFile() {
  const folder = join(work, 'big');
  mkdirSync(folder);
  const path = join(folder, 'random');
  for (let i = 0; i < 256; i += 1) appendFileSync(path, randomBytes(16 << 20));
  const list = installed.filter(([name]) => ['tintype', 'tar', 'rsync', 'cp'].includes(name));
  firstBackup('4 GiB of random data, first backup', folder, list);
  rmSync(folder, { recursive: true });
}

function restoreTree(tree) {
  const list = installed.filter(([, tool]) => tool.restore);
  for (const [name, tool] of list) measure(tool.first(tree, join(work, `kept-${name}`)));
  alternate('restore of the tree', list, (name, tool) => {
    const out = join(work, `out-${name}`);
    remove(out);
    const figures = measure(tool.restore(join(work, `kept-${name}`), out));
    remove(out);
    return figures;
  });
  for (const [name] of list) remove(join(work, `kept-${name}`));
}

/** Many empty files: time for each, and peak memory. */
function manyFiles() {
  for (const [files, folders] of [
    [100_000, 100],
    [1_000_000, 1000],
    [200_000, 1],
  ]) {
    const source = join(work, `many-${files}-${folders}`);
    mkdirSync(source);
    sh(
      `cd ${source} && seq 1 ${folders} | while read f; do mkdir d$f; (cd d$f; seq -f 'file-%07.0f' 1 ${files / folders} | xargs touch -d '2024-01-01'); done`,
    );
    const target = join(work, 'many');
    const runs = [];
    for (let i = 0; i < turns; i += 1) {
      remove(target);
      runs.push(measure(tools.tintype.first(source, target)));
    }
    const stored = Number(output('du', ['-s', '--block-size=1', `${target}.sparsebundle`]).split('\t')[0]);
    const best = Math.min(...runs.map((r) => r.seconds));
    const memory = Math.max(...runs.map((r) => r.memory));
    console.log(
      `\n${files} empty files in ${folders} folders: ${((best / files) * 1e6).toFixed(1)} us a file, peak ${(memory / 1e6).toFixed(0)} MB, image ${(stored / files).toFixed(0)} bytes a file`,
    );
    results.push({ title: `many ${files}/${folders}`, rows: [{ name: 'tintype', runs }], stored });
    remove(target);
    rmSync(source, { recursive: true });
  }
}

const jobs = options.jobs.split(',');
try {
  const tree = options.tree ? resolve(options.tree) : null;
  if (!tree && jobs.some((job) => !['big', 'many'].includes(job)))
    throw new Error('--tree FOLDER is needed; scripts/bench-tree makes it');
  console.log(
    `${cpus()[0].model}, ${cpus().length} cores, ${(totalmem() / 1e9).toFixed(0)} GB, Node ${process.version}, ${turns} turns each`,
  );
  if (jobs.includes('first')) firstBackup('first backup of the tree', tree, installed);
  if (jobs.includes('nothing')) secondBackup('second run, nothing changed', tree, null);
  if (jobs.includes('onepercent')) {
    const copy = join(work, 'tree');
    sh(`cp -a ${tree} ${copy}`);
    secondBackup('second run, 1 % of the files changed', copy, changeOnePercent(copy));
    rmSync(copy, { recursive: true });
  }
  if (jobs.includes('big')) bigFile();
  if (jobs.includes('restore')) restoreTree(tree);
  if (jobs.includes('many')) manyFiles();
  if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 1));
} finally {
  rmSync(work, { recursive: true, force: true });
}
