// What a source holds, before anything is made of it: one walk over its folders, no contents.

import type { Item } from '@tintype/core';
import type { Filter } from './filter.js';
import { type GuardedSource, SourceError } from './source-guard.js';

const BLOCK = 4096;

export interface Measure {
  items: number;
  /** Bytes of all files, in whole blocks; of a file with several names once. */
  blocks: number;
}

/** What cannot be listed counts nothing: the run itself reports it. `between` is called after each folder. */
export function measureTree(source: GuardedSource, filter: Filter, between: () => void): Measure {
  const measure: Measure = { items: 0, blocks: 0 };
  const seen = new Set<string>();
  const waiting: { readonly folder: Item; readonly path: string }[][] = [[{ folder: source.root, path: '' }]];
  const entered: Item[] = [];
  for (let level = waiting.at(-1); level; level = waiting.at(-1)) {
    const next = level.pop();
    if (!next) {
      waiting.pop();
      const done = entered.pop();
      if (done) source.leave(done.id);
      continue;
    }
    const items = listed(source, filter, next);
    entered.push(next.folder);
    for (const item of items) {
      measure.items += 1;
      if (item.kind === 'file' && isFirst(item, seen)) measure.blocks += Math.ceil(item.size / BLOCK) * BLOCK;
    }
    const below = items.filter(({ kind }) => kind === 'directory');
    waiting.push(below.map((folder) => ({ folder, path: `${next.path}/${folder.name}` })));
    between();
  }
  return measure;
}

function listed(
  source: GuardedSource,
  filter: Filter,
  { folder, path }: { readonly folder: Item; readonly path: string },
): readonly Item[] {
  try {
    source.enter(folder.id, path);
    if (path !== '' && filter.keepsEmpty(folder)) return [];
    return filter.withoutCaches(
      source,
      source.list(folder.id).filter((item) => !filter.excludes(path, item)),
    );
  } catch (error) {
    if (path === '' || !(error instanceof SourceError)) throw error;
    return [];
  }
}

/** True for the first name of a file: its content is stored once. `seen`: those of several names, so far. */
export function isFirst(
  { nlink, device, inode }: Pick<Item, 'nlink' | 'device' | 'inode'>,
  seen: Set<string>,
): boolean {
  if (nlink <= 1) return true;
  const key = `${device}:${inode}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}
