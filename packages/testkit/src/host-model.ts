// A host that may lose power: follows the calls of a run, and knows of each file's content, of its length and of each
// name whether it is durable. Content, lengths and names become durable independently: `sync` of a file makes its
// content and length so, `syncFolder` the names in that folder (a rename: when either of its folders is synced).
// A rename is one thing: after a cut it has happened or not. A file whose name did not arrive is gone.

import { assert } from '@tintype/core';
import { FileNode, FolderNode, MemoryStore, type StoreLimits, walk } from './memory-store.js';
import type { Random } from './seeds.js';
import { SparseBytes } from './sparse-bytes.js';
import type { NodeId, StoreCall } from './store-call.js';
import { type Cut, randomCut, UnsyncedContent } from './unsynced.js';

interface ModelFile {
  readonly live: SparseBytes;
  readonly content: UnsyncedContent;
  /** The durable length, then those that later calls gave. */
  lengths: number[];
}

type Names = Map<NodeId, Map<string, NodeId>>;
type NameCall = Extract<StoreCall, { folder: NodeId }>;

export class HostModel {
  readonly #limits: StoreLimits;
  readonly #root: NodeId;
  readonly #files = new Map<NodeId, ModelFile>();
  /** Names as the process sees them, and as a cut would surely leave them. Every folder has an entry in both. */
  readonly #live: Names = new Map();
  readonly #durable: Names = new Map();
  #pendingNames: NameCall[] = [];

  /** All that is in `start` is durable. */
  constructor(start: MemoryStore) {
    this.#limits = start.limits;
    this.#root = start.root.id;
    for (const node of walk(start.root)) {
      if (node.kind === 'file') {
        if (!this.#files.has(node.id)) this.#addFile(node.id, node.bytes.clone());
      } else {
        const ids = [...node.entries].map(([name, { id }]): [string, NodeId] => [name, id]);
        this.#live.set(node.id, new Map(ids));
        this.#durable.set(node.id, new Map(ids));
      }
    }
  }

  apply(call: StoreCall): void {
    switch (call.kind) {
      case 'create':
      case 'link':
      case 'makeFolder':
      case 'remove':
      case 'rename':
        this.#name(call);
        break;
      case 'syncFolder':
        this.#syncNames(call.node);
        break;
      default:
        this.#content(call);
    }
  }
  /** The files as the process saw them. */
  allApplied(): MemoryStore {
    return this.#store(this.#live, (file) => file.live.clone());
  }
  /** One of the states that a cut may leave. */
  cut(random: Random): MemoryStore {
    const names: Names = new Map();
    for (const [folder, entries] of this.#durable) names.set(folder, new Map(entries));
    for (const call of cutNames(this.#pendingNames, random)) applyName(names, call);
    const cut = randomCut(random);
    const contents = new Map<NodeId, SparseBytes>();
    for (const [id, file] of this.#files) contents.set(id, cutFile(file, random, cut));
    return this.#store(names, (_file, id) => contents.get(id) ?? new SparseBytes());
  }

  #addFile(id: NodeId, bytes: SparseBytes): void {
    this.#files.set(id, { live: bytes, content: new UnsyncedContent(bytes), lengths: [bytes.length] });
  }
  #name(call: NameCall): void {
    if (call.kind === 'create') this.#addFile(call.node, new SparseBytes());
    if (call.kind === 'makeFolder') {
      this.#live.set(call.node, new Map());
      this.#durable.set(call.node, new Map());
    }
    applyName(this.#live, call);
    this.#pendingNames.push(call);
  }
  #syncNames(folder: NodeId): void {
    const isOf = (call: NameCall): boolean =>
      call.folder === folder || (call.kind === 'rename' && call.toFolder === folder);
    for (const call of this.#pendingNames) if (isOf(call)) applyName(this.#durable, call);
    this.#pendingNames = this.#pendingNames.filter((call) => !isOf(call));
  }
  #content(call: Exclude<StoreCall, NameCall | { kind: 'syncFolder' }>): void {
    const file = this.#files.get(call.node);
    assert(file !== undefined, 'a call is about a file that was created');
    const { live, content, lengths } = file;
    const before = live.length;
    switch (call.kind) {
      case 'write':
        live.adopt(call.position, call.bytes);
        content.wrote(live, call.position, call.bytes);
        break;
      case 'allocate':
        live.allocate(call.position, call.length);
        break;
      case 'punch':
        live.punch(call.position, call.length);
        content.zeroed(live, call.position, Math.max(0, Math.min(call.length, before - call.position)));
        break;
      case 'truncate':
        live.truncate(call.length);
        if (call.length < before) content.zeroed(live, call.length, before - call.length);
        break;
      case 'sync':
        content.synced(live);
        file.lengths = [live.length];
        return;
    }
    if (live.length !== before) lengths.push(live.length);
  }
  #store(names: Names, bytesOf: (file: ModelFile, id: NodeId) => SparseBytes): MemoryStore {
    const root = new FolderNode(this.#root);
    const seen = new Map<NodeId, FileNode | FolderNode>([[root.id, root]]);
    const waiting = [root];
    for (let folder = waiting.pop(); folder; folder = waiting.pop()) {
      for (const [name, id] of names.get(folder.id) ?? []) {
        const known = seen.get(id);
        const file = this.#files.get(id);
        // A folder that two renames of one cut moved into each other stands where it was met first.
        if (known?.kind === 'directory') continue;
        const node = known ?? (file ? new FileNode(id, bytesOf(file, id)) : new FolderNode(id));
        if (known?.kind === 'file') known.names += 1;
        seen.set(id, node);
        folder.entries.set(name, node);
        if (node.kind === 'directory') waiting.push(node);
      }
    }
    return new MemoryStore({ limits: this.#limits, root });
  }
}

function cutFile(file: ModelFile, random: Random, cut: Cut): SparseBytes {
  const { content, lengths, live } = file;
  if (content.pending === 0 && lengths.length === 1) return live.clone();
  const bytes = content.cut(random, cut);
  const newest = lengths[lengths.length - 1] as number;
  bytes.truncate(random.oneIn(2) ? newest : random.pick(lengths));
  return bytes;
}

function cutNames(pending: readonly NameCall[], random: Random): NameCall[] {
  const keep = random.pick([0, 0.1, 0.5, 0.9, 1]);
  return pending.filter(() => random.fraction() < keep);
}

function applyName(names: Names, call: NameCall): void {
  const entries = names.get(call.folder);
  if (call.kind === 'create' || call.kind === 'link' || call.kind === 'makeFolder') {
    entries?.set(call.name, call.node);
    return;
  }
  if (entries?.get(call.name) === call.node) entries.delete(call.name);
  if (call.kind === 'rename') names.get(call.toFolder)?.set(call.toName, call.node);
}
