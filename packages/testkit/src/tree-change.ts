// Changes of a tree as plain values, by path: they can be made on any volume, on a folder of the host, and be kept in a
// test when a seed found a failure. Content is given by a seed and a length.

import {
  type AttributeChange,
  type Attributes,
  assert,
  type Item,
  type ItemId,
  type ItemKind,
  type WritableVolume,
} from '@tintype/core';
import { plainAttributes } from './memory-volume.js';
import { Random } from './seeds.js';
import { itemAt } from './snapshot-of.js';

/** What a file holds: so many bytes, made from a seed. */
export interface Content {
  readonly length: number;
  readonly seed: number;
}

/** One change to a tree, as a value. */
export type TreeChange =
  | {
      readonly change: 'create';
      readonly path: string;
      readonly kind: Exclude<ItemKind, 'symlink'>;
      readonly attributes?: AttributeChange;
      /** Of a file: its bytes. */
      readonly content?: Content;
    }
  | {
      readonly change: 'symlink';
      readonly path: string;
      readonly target: string;
      readonly attributes?: AttributeChange;
    }
  | { readonly change: 'link'; readonly path: string; readonly to: string }
  /** With all that is in it. */
  | { readonly change: 'remove'; readonly path: string }
  | { readonly change: 'rename'; readonly path: string; readonly to: string }
  | { readonly change: 'clone'; readonly path: string; readonly to: string }
  | { readonly change: 'write'; readonly path: string; readonly position: number; readonly content: Content }
  | { readonly change: 'truncate'; readonly path: string; readonly size: number }
  | { readonly change: 'attributes'; readonly path: string; readonly attributes: AttributeChange }
  | { readonly change: 'xattr'; readonly path: string; readonly name: string; readonly content: Content | null };

/** The bytes that a `Content` stands for. */
export function bytesOf({ length, seed }: Content): Uint8Array {
  return new Random(seed).bytes(length);
}

/** Folder part and last name of a path. */
export function splitPath(path: string): { folder: string; name: string } {
  const slash = path.lastIndexOf('/');
  return { folder: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) };
}

/** As a line of a test, to be kept. */
export function changeAsCode(change: TreeChange): string {
  return `${JSON.stringify(change)},`;
}

/** Makes the change on a volume. Times are those given; a change of content moves none. */
export function changeVolume(volume: WritableVolume, change: TreeChange): void {
  switch (change.change) {
    case 'create':
    case 'symlink':
      createItem(volume, change);
      break;
    case 'link':
      volume.link(folderOf(volume, change.to), splitPath(change.to).name, idAt(volume, change.path));
      break;
    case 'clone':
      volume.clone(folderOf(volume, change.to), splitPath(change.to).name, idAt(volume, change.path));
      break;
    case 'remove':
      removeTree(volume, change.path);
      break;
    case 'rename': {
      const from = splitPath(change.path);
      const to = splitPath(change.to);
      volume.rename(folderOf(volume, change.path), from.name, folderOf(volume, change.to), to.name);
      break;
    }
    case 'write':
      volume.write(idAt(volume, change.path), change.position, bytesOf(change.content));
      break;
    case 'truncate':
      volume.truncate(idAt(volume, change.path), change.size);
      break;
    case 'attributes':
      volume.setAttributes(idAt(volume, change.path), change.attributes);
      break;
    case 'xattr':
      volume.setXattr(idAt(volume, change.path), change.name, change.content && bytesOf(change.content));
  }
}

function createItem(volume: WritableVolume, change: Extract<TreeChange, { change: 'create' | 'symlink' }>): void {
  const { name } = splitPath(change.path);
  const kind = change.change === 'symlink' ? 'symlink' : change.kind;
  const content = change.change === 'create' ? change.content : undefined;
  const attributes: Attributes = {
    ...plainAttributes,
    mode: kind === 'directory' ? 0o755 : 0o644,
    ...change.attributes,
  };
  const isDevice = kind === 'char' || kind === 'block';
  const [id] = volume.create(folderOf(volume, change.path), [
    {
      ...attributes,
      name,
      kind,
      size: content?.length ?? 0,
      target: change.change === 'symlink' ? change.target : '',
      rdevMajor: isDevice ? 4 : 0,
      rdevMinor: isDevice ? 65 : 0,
    },
  ]);
  assert(id !== undefined, 'one item was created');
  if (content && content.length > 0) volume.write(id, 0, bytesOf(content));
}

function removeTree(volume: WritableVolume, path: string): void {
  const top = requireItem(volume, path);
  const order: { folder: ItemId; item: Item }[] = [{ folder: folderOf(volume, path), item: top }];
  for (let i = 0; i < order.length; i += 1) {
    const { item } = order[i] as { item: Item };
    if (item.kind !== 'directory') continue;
    for (const child of volume.list(item.id)) order.push({ folder: item.id, item: child });
  }
  for (const { folder, item } of order.reverse()) volume.remove(folder, item.name);
}

function requireItem(volume: WritableVolume, path: string): Item {
  const item = itemAt(volume, path);
  assert(item !== null, `there is an item at ${path}`);
  return item;
}
function idAt(volume: WritableVolume, path: string): ItemId {
  return requireItem(volume, path).id;
}
function folderOf(volume: WritableVolume, path: string): ItemId {
  return idAt(volume, splitPath(path).folder);
}
