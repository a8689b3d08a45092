// A host that loses power. A run works on it as on any other store; every call that changes or syncs is written down.
// Afterwards it gives the states that a cut could have left: after each prefix of the calls with everything applied, and
// at random with any part of what was not synced lost, torn at 512 bytes, or arrived in another order (`HostModel`).

import type { EntryKind, FileStore, OpenMode, StoreEntry, StoreFacts, StoreFile } from '@tintype/core';
import { HostModel } from './host-model.js';
import { MemoryStore } from './memory-store.js';
import { Random } from './seeds.js';
import { describeCall, type StoreCall } from './store-call.js';

/** A state after a cut: a plain store of its own, free to be changed. */
export interface CrashState {
  readonly store: MemoryStore;
  /** How many calls had been made. A commit that ended at or before this many calls must be there. */
  readonly calls: number;
  /** The last of them, and for random states the seed that makes this state again: for messages. */
  readonly description: string;
}

/** Which states after cuts are wanted. */
export interface RandomStates {
  readonly seed: number;
  readonly count: number;
  /** Cuts happen after at least this many calls; default 0. */
  readonly from?: number;
}

/** A host that loses power: works as any store, and gives the states that a cut could have left. */
export class CrashStore implements FileStore {
  readonly #start: MemoryStore;
  readonly #live: MemoryStore;
  readonly #calls: StoreCall[] = [];

  /** What is in `start` is durable; it is not changed. */
  constructor(start: MemoryStore = new MemoryStore()) {
    this.#start = start.clone();
    this.#live = new MemoryStore({
      limits: start.limits,
      root: start.clone().root,
      record: (call) => this.#calls.push(call.kind === 'write' ? { ...call, bytes: call.bytes.slice() } : call),
    });
  }
  get calls(): readonly StoreCall[] {
    return this.#calls;
  }

  /** The state after each prefix of the calls, none to all, everything applied. With `from`: not the earlier ones. */
  *prefixes(options: { from?: number } = {}): Generator<CrashState> {
    const model = new HostModel(this.#start);
    for (let calls = 0; calls <= this.#calls.length; calls += 1) {
      if (calls > 0) model.apply(this.#calls[calls - 1] as StoreCall);
      if (calls >= (options.from ?? 0)) yield { store: model.allApplied(), calls, description: this.#describe(calls) };
    }
  }
  /** `count` states after cuts at random places, in the order of their places. */
  *randomStates({ seed, count, from = 0 }: RandomStates): Generator<CrashState> {
    const random = new Random(seed);
    const cuts = Array.from({ length: count }, () => ({
      calls: random.between(from, this.#calls.length),
      seed: random.next(),
    })).sort((a, b) => a.calls - b.calls);
    const model = new HostModel(this.#start);
    let done = 0;
    for (const cut of cuts) {
      for (; done < cut.calls; done += 1) model.apply(this.#calls[done] as StoreCall);
      yield this.#random(model, cut.calls, cut.seed);
    }
  }
  /** One random state again, by the numbers in its description. */
  randomState(calls: number, seed: number): CrashState {
    const model = new HostModel(this.#start);
    for (const call of this.#calls.slice(0, calls)) model.apply(call);
    return this.#random(model, calls, seed);
  }

  open(path: string, mode: OpenMode): StoreFile {
    return this.#live.open(path, mode);
  }
  kind(path: string): EntryKind | null {
    return this.#live.kind(path);
  }
  list(path: string): StoreEntry[] {
    return this.#live.list(path);
  }
  rename(from: string, to: string): void {
    this.#live.rename(from, to);
  }
  remove(path: string): void {
    this.#live.remove(path);
  }
  link(from: string, to: string): boolean {
    return this.#live.link(from, to);
  }
  makeFolder(path: string): void {
    this.#live.makeFolder(path);
  }
  syncFolder(path: string): void {
    this.#live.syncFolder(path);
  }
  facts(path: string): StoreFacts {
    return this.#live.facts(path);
  }

  #random(model: HostModel, calls: number, seed: number): CrashState {
    return { store: model.cut(new Random(seed)), calls, description: `${this.#describe(calls)}, seed ${seed}` };
  }
  #describe(calls: number): string {
    const last = this.#calls[calls - 1];
    return `after ${calls} of ${this.#calls.length} calls${last ? `, the last: ${describeCall(last)}` : ''}`;
  }
}
