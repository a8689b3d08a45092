// Trees of any node size, from sorted records (docs/formats/apfs.md, section 3): also those of sealed volumes, whose nodes have
// no header and whose inner entries hold the hash of the child. Only tests import this.

import { createHash } from 'node:crypto';
import { bytesOf, draft, finish, put64, putAll64, VIRTUAL } from './objects.testing.js';

export interface TreeRecord {
  readonly key: Uint8Array;
  /** Null: a ghost. */
  readonly value: Uint8Array | null;
}

export interface TreeForm {
  /** Bytes of a node. */
  readonly size: number;
  readonly subtype: number;
  readonly storage: number;
  /** bt_flags. */
  readonly flags: number;
  /** Sizes of keys and values of all records, or null. */
  readonly fixed: { readonly key: number; readonly value: number } | null;
  /** Entries of a node at most, so that trees of few records have levels. */
  readonly most?: number;
}

export interface NodePlace {
  /** Of physical nodes the block. */
  readonly oid: number;
  readonly block: number;
}
export interface LaidNode extends NodePlace {
  readonly bytes: Uint8Array;
}
export interface LaidTree {
  /** The root first. */
  readonly nodes: readonly LaidNode[];
  readonly root: LaidNode;
  readonly level: number;
}

export const TREE = {
  physical: 0x10,
  sealed: 0x180,
  ghosts: 4,
  ephemeral: 8,
  notAligned: 0x40,
  sequential: 2,
} as const;
const NODE = { root: 1, leaf: 2, fixed: 4, sealed: 0x18 } as const;
const DATA = 0x38;
const FOOTER = 40;
const HASH = 32;
const NONE = 0xffff;
const TOC_STEP = 64;

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly child: Plan | null;
}
interface Plan {
  readonly level: number;
  readonly entries: readonly Entry[];
}

/** `place` is asked for the root first, then for its children from left to right, and so on. */
export function layTree(records: readonly TreeRecord[], form: TreeForm, xid: number, place: () => NodePlace): LaidTree {
  const root = planned(records, form);
  const rows: Plan[][] = [[root]];
  for (let row = rows[0] ?? []; row[0] !== undefined && row[0].level > 0; rows.push(row))
    row = row.flatMap(({ entries }) => entries.flatMap(({ child }) => child ?? []));
  const places = new Map(rows.flat().map((plan) => [plan, place()] as const));
  const laid = new Map<Plan, LaidNode>();
  // From the leaves up: hashes of children stand in their parents.
  for (const plan of rows.flat().reverse()) {
    const own = places.get(plan) ?? place();
    const view = nodeOf(plan, form, { own, root: places.get(root) ?? own, xid, laid });
    if (plan === root) putFooter(view, records, form, places.size);
    laid.set(plan, { ...own, bytes: isSealed(form) ? bytesOf(view) : finish(view) });
  }
  const nodes = rows.flat().flatMap((plan) => laid.get(plan) ?? []);
  const [first] = nodes;
  if (!first) throw new Error('a tree has a root');
  return { nodes, root: first, level: root.level };
}

function planned(records: readonly TreeRecord[], form: TreeForm): Plan {
  let row = packed(
    records.map(({ key, value }) => ({ key, value, child: null })),
    0,
    form,
  );
  for (let [root] = row; ; [root] = row) {
    if (root && row.length === 1 && used(root.entries, root.level, form) + FOOTER <= form.size) return root;
    // One node without room for the footer becomes two.
    if (root && row.length === 1) row = halves(root);
    const level = (root?.level ?? 0) + 1;
    const entries = row.map((child) => ({ key: child.entries[0]?.key ?? new Uint8Array(), value: null, child }));
    row = packed(entries, level, form);
  }
}
function halves({ level, entries }: Plan): Plan[] {
  const middle = entries.length >>> 1;
  return [
    { level, entries: entries.slice(0, middle) },
    { level, entries: entries.slice(middle) },
  ];
}

/** As many entries in each node as fit. */
function packed(entries: readonly Entry[], level: number, form: TreeForm): Plan[] {
  const row: Plan[] = [];
  let group: Entry[] = [];
  let content = 0;
  for (const entry of entries) {
    const bytes = entry.key.length + lengthOf(entry, form);
    const isFull =
      group.length >= (form.most ?? entries.length) ||
      DATA + tocOf(group.length + 1, level, form) + content + bytes > form.size;
    if (group.length > 0 && isFull) {
      row.push({ level, entries: group });
      group = [];
      content = 0;
    }
    group.push(entry);
    content += bytes;
  }
  row.push({ level, entries: group });
  return row;
}

function isSealed({ flags }: TreeForm): boolean {
  return (flags & TREE.sealed) !== 0;
}
/** Bytes of the value of an entry. */
function lengthOf({ value, child }: Entry, form: TreeForm): number {
  if (child) return isSealed(form) ? 8 + HASH : 8;
  return value?.length ?? 0;
}
function tocOf(count: number, level: number, { size, fixed }: TreeForm): number {
  if (!fixed) return TOC_STEP * Math.max(1, Math.ceil((8 * count) / TOC_STEP));
  return 4 * Math.floor((size - DATA) / (fixed.key + (level === 0 ? fixed.value : 8) + 4));
}
function used(entries: readonly Entry[], level: number, form: TreeForm): number {
  const content = entries.reduce((sum, entry) => sum + entry.key.length + lengthOf(entry, form), 0);
  return DATA + tocOf(entries.length, level, form) + content;
}

interface NodeFacts {
  readonly own: NodePlace;
  readonly root: NodePlace;
  readonly xid: number;
  readonly laid: ReadonlyMap<Plan, LaidNode>;
}

function nodeOf({ level, entries }: Plan, form: TreeForm, { own, root, xid, laid }: NodeFacts): DataView {
  const isRoot = own === root;
  const type = form.storage + (isRoot ? 2 : 3);
  const sealed = isSealed(form);
  const identity = sealed ? { oid: 0, xid: 0, type: 0 } : { oid: own.oid, xid, type, subtype: form.subtype };
  const view = draft(form.size, identity);
  const bytes = bytesOf(view);
  const toc = tocOf(entries.length, level, form);
  const end = form.size - (isRoot ? FOOTER : 0);
  let key = 0;
  let value = 0;
  for (const [i, entry] of entries.entries()) {
    bytes.set(entry.key, DATA + toc + key);
    const length = lengthOf(entry, form);
    const isGhost = entry.value === null && entry.child === null;
    value += length;
    const child = entry.child ? laid.get(entry.child) : undefined;
    if (child) {
      // Of sealed volumes what is to be added to the oid of the root.
      put64(view, end - value, sealed ? child.oid - root.oid : child.oid);
      if (sealed) bytes.set(createHash('sha256').update(child.bytes).digest(), end - value + 8);
    } else if (entry.value) bytes.set(entry.value, end - value);
    const words = form.fixed ? [key, isGhost ? NONE : value] : [key, entry.key.length, value, length];
    for (const [j, word] of words.entries()) view.setUint16(DATA + 2 * (i * words.length + j), word, true);
    key += entry.key.length;
  }
  const flags =
    (isRoot ? NODE.root : 0) |
    (level === 0 ? NODE.leaf : 0) |
    (form.fixed ? NODE.fixed : 0) |
    (sealed ? NODE.sealed : 0);
  view.setUint16(0x20, flags, true);
  view.setUint16(0x22, level, true);
  view.setUint32(0x24, entries.length, true);
  const words = [0, toc, key, end - value - (DATA + toc + key), NONE, 0, NONE, 0];
  for (const [i, word] of words.entries()) view.setUint16(0x28 + 2 * i, word, true);
  return view;
}

function putFooter(view: DataView, records: readonly TreeRecord[], form: TreeForm, nodes: number): void {
  const at = form.size - FOOTER;
  const longest = (lengths: number[], fixed: number | undefined): number => fixed ?? Math.max(0, ...lengths);
  const words = [
    form.flags,
    form.size,
    form.fixed?.key ?? 0,
    form.fixed?.value ?? 0,
    longest(
      records.map(({ key }) => key.length),
      form.fixed?.key,
    ),
    longest(
      records.map(({ value }) => value?.length ?? 0),
      form.fixed?.value,
    ),
  ];
  for (const [i, word] of words.entries()) view.setUint32(at + 4 * i, word, true);
  putAll64(view, { [at + 24]: records.length, [at + 32]: nodes });
}

/** The trees of a volume and of a container, by section 3.1's table. */
export const FORMS = {
  omap: { subtype: 0xb, flags: TREE.physical | TREE.sequential, fixed: { key: 16, value: 16 } },
  omapSnapshots: { subtype: 0x13, flags: TREE.physical | TREE.sequential, fixed: { key: 8, value: 16 } },
  files: { subtype: 0xe, storage: VIRTUAL, flags: TREE.notAligned | TREE.sequential, fixed: null },
  references: { subtype: 0xf, flags: TREE.physical | TREE.notAligned | TREE.sequential, fixed: null },
  snapshots: { subtype: 0x10, flags: TREE.physical | TREE.notAligned | TREE.sequential, fixed: null },
  extents: { subtype: 0x1f, flags: TREE.physical | TREE.sequential, fixed: { key: 16, value: 16 } },
  freeQueue: { subtype: 9, flags: TREE.ghosts | TREE.ephemeral | TREE.sequential, fixed: { key: 16, value: 8 } },
} as const;
