// Trees for tests: everything that backups stumble over, as changes that any volume or folder can make.

import { assert, type ItemId, type NewItem, type WritableVolume } from '@tintype/core';
import { changeFolder } from './folder-change.js';
import { plainAttributes } from './memory-volume.js';
import { count } from './seeds.js';
import { itemAt } from './snapshot-of.js';
import { bytesOf, changeVolume, splitPath, type TreeChange } from './tree-change.js';

/** Which difficulties the tree has. */
export interface DifficultTreeOptions {
  /** Entries of the large folder; default 1,000, in full runs 10,000. */
  readonly manyEntries?: number;
  /** Levels of the deep folder; default 300. */
  readonly levels?: number;
  /** Pairs of names that differ only in case, or also those that differ only in composed and decomposed form. */
  readonly twinNames?: 'none' | 'case' | 'all';
  readonly fifos?: boolean;
  readonly xattrs?: boolean;
  readonly hardLinks?: boolean;
}

/** Hard links, extended attributes, links, fifos, holes, large, deep and empty folders, long and odd names, twins. */
export function difficultTree(options: DifficultTreeOptions = {}): TreeChange[] {
  return [
    ...plainFiles(),
    ...oddNames(options.twinNames ?? 'all'),
    ...specialItems(options),
    ...largeFolder(options.manyEntries ?? count(1000, 10_000)),
    ...deepFolder(options.levels ?? 300),
  ];
}

/** Makes the changes on a volume; new items that follow each other in one folder are created in one call. */
export function buildOnVolume(volume: WritableVolume, changes: readonly TreeChange[]): void {
  for (let i = 0; i < changes.length; ) {
    const batch = batchAt(changes, i);
    if (batch.length > 1) createTogether(volume, batch);
    else changeVolume(volume, changes[i] as TreeChange);
    i += Math.max(1, batch.length);
  }
}

/** Makes the changes below a folder of the host. */
export function buildOnFolder(root: string, changes: readonly TreeChange[]): void {
  for (const change of changes) changeFolder(root, change);
}

type Creation = Extract<TreeChange, { change: 'create' }>;

function file(path: string, length: number, seed = path.length): Creation {
  return { change: 'create', path, kind: 'file', content: { length, seed } };
}
function folder(path: string): Creation {
  return { change: 'create', path, kind: 'directory' };
}

function plainFiles(): TreeChange[] {
  const sizes = [0, 1, 511, 512, 513, 4095, 4096, 4097, 65_536, 1_000_000];
  return [
    folder('plain'),
    folder('plain/empty folder'),
    ...sizes.map((size) => file(`plain/size ${size}`, size)),
    { ...file('plain/old', 10), attributes: { mtime: 86_400, mtimeNanos: 0, btime: 86_400 } },
    { ...file('plain/private', 10), attributes: { mode: 0o600 } },
    { ...file('plain/setuid', 10), attributes: { mode: 0o4755 } },
    { ...file('plain/read only', 10), attributes: { mode: 0o444 } },
  ];
}

function oddNames(twins: 'none' | 'case' | 'all'): TreeChange[] {
  const names = [
    'n'.repeat(255),
    'é'.repeat(100),
    '😀'.repeat(60),
    'smile 😀',
    'composed é',
    'decomposed o\u0308',
    'two marks a\u0323\u0307',
    '한글',
    'Σίσυφος',
    'a:b',
    'back\\slash',
    'tab\there',
    'line\nbreak',
    ' lead',
    'trail ',
    'dot.',
    '.hidden',
    '-n',
    '*',
    '"\'',
    '\u007f',
    'ǅ',
    'İı',
    'ﬁ',
    'com.apple',
    '._double',
  ];
  const pairs = ['Readme', 'README', 'readme', 'Ä', 'ä', 'ß', 'ss', ...(twins === 'all' ? ['é', 'e\u0301'] : [])];
  return [
    folder('names'),
    ...names.map((name) => file(`names/${name}`, 20)),
    ...(twins !== 'none' ? [folder('twins'), ...pairs.map((name, i) => file(`twins/${name}`, 20, i))] : []),
  ];
}

function specialItems(options: DifficultTreeOptions): TreeChange[] {
  const changes: TreeChange[] = [
    folder('special'),
    { change: 'symlink', path: 'special/to file', target: '../plain/size 512' },
    { change: 'symlink', path: 'special/to nothing', target: 'nowhere/é' },
    { change: 'symlink', path: 'special/outside', target: '/etc/hostname' },
    { change: 'symlink', path: 'special/long', target: 'x/'.repeat(400) },
    file('special/sparse', 5000),
    { change: 'write', path: 'special/sparse', position: 3_000_000, content: { length: 5000, seed: 3 } },
    { change: 'truncate', path: 'special/sparse', size: 5_000_000 },
    file('special/only a hole', 0),
    { change: 'truncate', path: 'special/only a hole', size: 2_000_000 },
  ];
  if (options.fifos ?? true) changes.push({ change: 'create', path: 'special/fifo', kind: 'fifo' });
  if (options.hardLinks ?? true) {
    changes.push(
      file('special/linked', 3000),
      { change: 'link', path: 'special/linked', to: 'special/second name' },
      { change: 'link', path: 'special/linked', to: 'plain/third name' },
    );
  }
  if (options.xattrs ?? true) {
    changes.push(
      file('special/attributes', 10),
      { change: 'xattr', path: 'special/attributes', name: 'user.small', content: { length: 5, seed: 1 } },
      { change: 'xattr', path: 'special/attributes', name: 'user.large', content: { length: 1400, seed: 2 } },
      { change: 'xattr', path: 'special/attributes', name: 'user.name é', content: { length: 1, seed: 3 } },
      { change: 'xattr', path: 'special', name: 'user.of folder', content: { length: 50, seed: 4 } },
    );
  }
  return changes;
}

function largeFolder(entries: number): TreeChange[] {
  return [folder('many'), ...Array.from({ length: entries }, (_, i) => file(`many/entry ${i}`, i % 7, i))];
}

function deepFolder(levels: number): TreeChange[] {
  const changes: TreeChange[] = [];
  let path = 'deep';
  for (let level = 0; level < levels; level += 1, path += '/d') changes.push(folder(path));
  return [...changes, file(`${path.slice(0, -2)}/bottom`, 100)];
}

/** The creations from index `from` on that go to one folder. */
function batchAt(changes: readonly TreeChange[], from: number): Creation[] {
  const batch: Creation[] = [];
  for (let i = from; i < changes.length; i += 1) {
    const change = changes[i] as TreeChange;
    if (change.change !== 'create') break;
    if (batch[0] && splitPath(batch[0].path).folder !== splitPath(change.path).folder) break;
    batch.push(change);
  }
  return batch;
}

function createTogether(volume: WritableVolume, batch: readonly Creation[]): void {
  const parent = itemAt(volume, splitPath(batch[0]?.path ?? '').folder);
  assert(parent !== null, 'the folder of new items is there');
  const ids = volume.create(parent.id, batch.map(asNewItem));
  batch.forEach(({ content }, i) => {
    if (content && content.length > 0) volume.write(ids[i] as ItemId, 0, bytesOf(content));
  });
}

function asNewItem({ path, kind, attributes, content }: Creation): NewItem {
  const mode = kind === 'directory' ? 0o755 : 0o644;
  const base = { ...plainAttributes, mode, ...attributes };
  return {
    ...base,
    name: splitPath(path).name,
    kind,
    size: content?.length ?? 0,
    target: '',
    rdevMajor: 0,
    rdevMinor: 0,
  };
}
