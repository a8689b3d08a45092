import type { Item } from '@tintype/core';
import { expect, test } from 'vitest';
import { type Entry, type Folder, pathOf } from './entry.js';
import { ItemTree, type Sight } from './item-tree.js';

function sight(inode: number, kind: Item['kind'] = 'file'): Sight {
  const item = (id: number, name: string) => ({ id, name, kind, inode, device: 1, size: 0, allocated: 0 }) as Item;
  return { inode, device: 1, item };
}

/** Shows what the tree keeps to itself, and notes what it gives up. */
class OpenTree extends ItemTree {
  readonly traits = { xattrs: false };
  readonly released: string[] = [];
  get top(): Folder {
    return this.rootFolder;
  }
  see(folder: Folder, name: string, shown: Sight): Entry {
    return this.remember(folder, name, shown).entry;
  }
  within(id: number): Folder {
    return this.folder(id);
  }
  move(entry: Entry, name: string, to: Folder): void {
    this.moved(entry, entry.place, { folder: to, name });
  }
  link(entry: Entry, name: string): void {
    this.linked(entry, { folder: this.rootFolder, name });
  }
  has(id: number): boolean {
    try {
      return this.entry(id) !== undefined;
    } catch {
      return false;
    }
  }
  protected override releaseItem(entry: Entry): void {
    this.released.push(entry.place.name);
  }
  protected override releaseFolder(folder: Folder): void {
    this.released.push(`${folder.entry?.place.name}/`);
  }
}

function newTree(): OpenTree {
  const state = { handle: -1, pending: null, passesLists: null };
  return new OpenTree({ entry: null, children: new Map(), ...state, rootPath: '/r', device: 1, inode: 1 });
}

test('a name keeps its id while it shows the same item, and gets a new one with another', () => {
  const tree = newTree();
  const first = tree.see(tree.top, 'a', sight(5));
  expect(tree.see(tree.top, 'a', sight(5))).toBe(first);
  const second = tree.see(tree.top, 'a', sight(6));
  expect(second.id).not.toBe(first.id);
  expect([tree.has(first.id), tree.has(second.id)]).toEqual([false, true]);
});

test('a folder that is released takes along what is below it, from the bottom up', () => {
  const tree = newTree();
  const folder = tree.see(tree.top, 'd', sight(7, 'directory'));
  const inner = tree.see(tree.within(folder.id), 'e', sight(8, 'directory'));
  const file = tree.see(tree.within(inner.id), 'f', sight(9));
  expect(pathOf(file.place)).toBe('/r/d/e/f');
  tree.release(folder.id);
  expect(tree.released.filter((name) => name === 'f' || name.endsWith('/'))).toEqual(['f', 'e/', 'd/']);
  expect([folder, inner, file].map(({ id }) => tree.has(id))).toEqual([true, false, false]);
});

test('an item lives on under its second name when the folder of its first is released, and moves with its id', () => {
  const tree = newTree();
  const folder = tree.see(tree.top, 'd', sight(7, 'directory'));
  const file = tree.see(tree.within(folder.id), 'f', sight(9));
  tree.link(file, 'second');
  tree.release(folder.id);
  expect([tree.has(file.id), pathOf(file.place)]).toEqual([true, '/r/second']);
  tree.move(file, 'third', tree.top);
  expect([tree.has(file.id), pathOf(file.place), tree.top.children.has('second')]).toEqual([true, '/r/third', false]);
});
