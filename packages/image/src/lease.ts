// The fenced lease: a lock that also works on shares, where whole-file locks may mean nothing.
//
// A lease is a file of 512 bytes, one a generation, made exclusively: holder, boot, nonce, counter. Its holder counts up
// every 5 s, from a thread of its own. It is stale at once if its process is gone on the same host and boot, or gave it
// up; else only when an observer saw it stand still for three heartbeats by its own clock. Breaking it is making the next
// generation. The holder looks at it again before every barrier, and before a write after a gap longer than a heartbeat:
// once it has been taken over, nothing more is written. What it wrote between two looks has ended one heartbeat after the
// taking, so the taker waits for that long before it begins.
//
// Who breaks a lease that still beats waits for two heartbeats: its holder may have looked just before, and may have
// handed on writes that end a moment later. A living process of this host is never robbed: it can be ended.

import { Worker } from 'node:worker_threads';
import {
  type FileStore,
  LANE_HEAP,
  LeaseLostError,
  LockedError,
  StoreError,
  type StoreFile,
  TintypeError,
} from '@tintype/core';
import type { Holder } from './disk-image.js';
import {
  LEASE_SIZE,
  type LeaseContent,
  type LeasePlace,
  leaseBytes,
  leaseGenerations,
  leasePath,
  NOBODY,
  readLease,
  removeIfThere,
  type SeenLease,
} from './lease-file.js';
import { RETRY_MS, sleep } from './lock.js';

export const HEARTBEAT_MS = 5000;
const HOST_FULL = ['ENOSPC', 'EDQUOT'];
/** Heartbeats that an observer waits for. */
const SILENT_HEARTBEATS = 3;
/** Heartbeats before the taker begins. */
const HEARTBEATS_AFTER = { silent: 1, broken: 2 } as const;

export interface LeaseOptions extends LeasePlace {
  readonly store: FileStore;
  readonly holder: Holder;
  /** For messages. */
  readonly image: string;
  /** Milliseconds between heartbeats of our own thread; 0: no thread. */
  readonly heartbeat: number;
  /** Milliseconds that all who want this image count as one heartbeat; default: `heartbeat`, or 5 s without a thread. */
  readonly interval?: number;
  /** Milliseconds to wait for a lease that someone holds; default: not at all. */
  readonly wait?: number;
  /** Breaks a lease that its holder may still renew; told whose. */
  readonly breakLock?: ((holder: string) => void) | undefined;
}

/** What was there when we came: by generation, as it was read. */
type Found = ReadonlyMap<number, SeenLease>;

export class Lease {
  readonly #options: LeaseOptions;
  readonly #generation: number;
  readonly #content: LeaseContent;
  readonly #heart: Worker | null;
  /** True if another lease was there: its holder did not close the image. */
  readonly isTakenOver: boolean;
  #lastLook: number;
  #lost = false;

  private constructor(options: LeaseOptions, generation: number, content: LeaseContent, isTakenOver: boolean) {
    this.#options = options;
    this.#generation = generation;
    this.#content = content;
    this.isTakenOver = isTakenOver;
    this.#heart = options.heartbeat > 0 ? startHeart(this.path, content, options.heartbeat) : null;
    this.#lastLook = options.holder.clock();
    options.holder.leases?.add(this);
  }

  /** Takes the lease, breaking a stale one. @throws LockedError if it is still held after `wait` */
  static take(options: LeaseOptions): Lease {
    const started = process.hrtime.bigint();
    for (;;)
      try {
        return Lease.#takeNow(options);
      } catch (error) {
        const left = (options.wait ?? 0) - Number(process.hrtime.bigint() - started) / 1e6;
        if (!(error instanceof LockedError) || left <= 0) throw error;
        sleep(Math.min(RETRY_MS, left));
      }
  }

  static #takeNow(options: LeaseOptions): Lease {
    const { store, holder } = options;
    const found = findLeases(options);
    const [newest = 0] = [...found.keys()].slice(-1);
    const seen = found.get(newest);
    const state = seen === undefined ? 'gone' : requireStale(options, newest, seen);
    const content = newContent(holder);
    makeLease(options, newest + 1, content, holder.givenUp?.has(seen?.content?.nonce ?? '') ? newest : null);
    const lease = new Lease(options, newest + 1, content, seen !== undefined);
    try {
      requireAlone(options, newest + 1, found);
      // At once: a share may go on saying that there is no newer one, but not that a file which is gone is there.
      for (const old of found.keys()) removeIfThere(store, leasePath(options, old));
      if (state !== 'gone') wait(options, HEARTBEATS_AFTER[state], () => requireAlone(options, newest + 1, found));
      lease.requireHeld();
    } catch (error) {
      lease.release();
      throw error;
    }
    if (state === 'broken') options.breakLock?.(holderName(seen?.content) ?? 'another process');
    return lease;
  }

  get path(): string {
    return leasePath(this.#options, this.#generation);
  }

  /** Before a barrier: the lease is read again. @throws LeaseLostError if it was taken over */
  requireHeld(): void {
    const { store, holder, image } = this.#options;
    this.#lastLook = holder.clock();
    if (!this.#lost && this.#isOurs(store)) return;
    this.#lost = true;
    throw new LeaseLostError(image, this.#taker(store) ?? 'another process');
  }

  /** Looked for under the next number first: a share may still list what was there before. */
  #taker(store: FileStore): string | null {
    const next = readLease(store, leasePath(this.#options, this.#generation + 1));
    return holderName(next?.content) ?? leaseHolder(store, this.#options);
  }

  /** Before any other call: only after a gap longer than a heartbeat. */
  requireFresh(): void {
    if (this.#lost || this.#options.holder.clock() - this.#lastLook > intervalOf(this.#options) / 1000)
      this.requireHeld();
  }

  /** After a failure: beats no more, but leaves the file, which says that nobody has it and that nobody closed. */
  abandon(): void {
    this.#stop();
    const { store, holder } = this.#options;
    holder.givenUp?.add(this.#content.nonce);
    try {
      if (this.#lost || !this.#isOurs(store)) return;
      const file = store.open(this.path, 'write');
      try {
        file.write(0, leaseBytes({ ...this.#content, pid: NOBODY }));
      } finally {
        file.close();
      }
    } catch (error) {
      // The next one finds it silent, and waits a little longer.
      if (!(error instanceof TintypeError)) throw error;
    }
  }

  /** A clean close removes the lease. */
  release(): void {
    this.#stop();
    const { store, holder } = this.#options;
    holder.givenUp?.add(this.#content.nonce);
    if (!this.#lost && this.#holdsFile(store)) removeIfThere(store, this.path);
  }

  /** Gives the image up as it was found: one that its last writer did not close still says so. */
  handOn(): void {
    if (this.isTakenOver) this.abandon();
    else this.release();
  }

  #isOurs(store: FileStore): boolean {
    if (store.kind(leasePath(this.#options, this.#generation + 1)) !== null) return false;
    return this.#holdsFile(store);
  }
  #holdsFile(store: FileStore): boolean {
    return readLease(store, this.path)?.content?.nonce === this.#content.nonce;
  }
  #stop(): void {
    this.#options.holder.leases?.delete(this);
    void this.#heart?.terminate();
  }
}

/** Who holds the image, or null: for `info` and messages. A lease that nobody renews any more still names its holder. */
export function leaseHolder(store: FileStore, place: LeasePlace): string | null {
  const newest = leaseGenerations(store, place).at(-1);
  const content = newest === undefined ? null : readLease(store, leasePath(place, newest))?.content;
  return holderName(content);
}

const holderName = (content: LeaseContent | null | undefined): string | null =>
  content && content.pid !== NOBODY ? `process ${content.pid} on ${content.host}` : null;

const intervalOf = ({ interval, heartbeat }: LeaseOptions): number => interval ?? (heartbeat || HEARTBEAT_MS);

function findLeases(options: LeaseOptions): Found {
  const found = new Map<number, SeenLease>();
  for (const generation of leaseGenerations(options.store, options)) {
    const seen = readLease(options.store, leasePath(options, generation));
    if (seen) found.set(generation, seen);
  }
  return found;
}

function newContent(holder: Holder): LeaseContent {
  const bytes = new Uint8Array(8);
  holder.random(bytes);
  const nonce = Buffer.from(bytes).toString('hex');
  return { host: holder.host, boot: holder.boot, pid: holder.pid, nonce, counter: 0 };
}

/**
 * `gone`: its process ended, or gave it up; `silent`: it stood still for as long as an observer waits; `broken`: it may
 * be neither, but is to be broken. @throws LockedError
 */
function requireStale(options: LeaseOptions, generation: number, seen: SeenLease): 'gone' | 'silent' | 'broken' {
  const { store, holder, image } = options;
  const { content } = seen;
  if (content?.pid === NOBODY || holder.givenUp?.has(content?.nonce ?? '')) return 'gone';
  const isHere = content?.host === holder.host && content.boot === holder.boot && holder.boot !== '';
  // Files without heartbeats are not the host's: nobody but this process has them, and it comes only once.
  const isPrivate = options.heartbeat === 0 && options.interval === undefined;
  if (isPrivate && (!content || (isHere && content.pid === holder.pid))) return 'gone';
  if (isHere && content.pid !== holder.pid && !holder.alive(content.pid)) return 'gone';
  if (options.breakLock && !mayLiveHere(options, content)) return 'broken';
  wait(options, SILENT_HEARTBEATS, () => {
    const now = readLease(store, leasePath(options, generation));
    if (now?.text === seen.text) return;
    throw new LockedError(image, holderName(now?.content ?? content) ?? 'another process');
  });
  return 'silent';
}

function mayLiveHere({ holder }: LeaseOptions, content: LeaseContent | null): boolean {
  return content?.host === holder.host && content.boot === holder.boot && holder.alive(content.pid);
}

/** Lets heartbeats pass by our clock; `look` is called meanwhile, and last. */
function wait(options: LeaseOptions, heartbeats: number, look: () => void): void {
  const { clock } = options.holder;
  const interval = intervalOf(options);
  const started = clock();
  while (clock() - started < (heartbeats * interval) / 1000) {
    sleep(Math.min(500, interval / 4));
    look();
  }
  look();
}

/** `own`: a generation that this process gave up; on a host without room for a new file, that one is taken again. */
function makeLease(options: LeaseOptions, generation: number, content: LeaseContent, own: number | null): void {
  const { store } = options;
  const path = leasePath(options, generation);
  try {
    fillLease(options, createExclusively(options, path), content);
  } catch (error) {
    if (error instanceof LockedError) throw error;
    removeIfThere(store, path);
    const isFull = error instanceof StoreError && HOST_FULL.includes(error.code);
    if (!isFull || own === null || !renumbered(options, own, generation)) throw error;
    fillLease(options, store.open(path, 'write'), content);
  }
}

function fillLease({ store, folder }: LeaseOptions, file: StoreFile, content: LeaseContent): void {
  try {
    file.write(0, leaseBytes(content));
    file.sync();
  } finally {
    file.close();
  }
  store.syncFolder(folder);
}

/**
 * Gives a lease that nobody has the next number, as exclusively as a new one is made. Until it is filled it says so, and
 * another may make the one after it: whoever of both looks second draws back. False if the host knows no second names.
 */
function renumbered(options: LeaseOptions, own: number, generation: number): boolean {
  const { store, image } = options;
  try {
    if (!store.link(leasePath(options, own), leasePath(options, generation))) return false;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'EEXIST') throw new LockedError(image, 'another process');
    throw error;
  }
  removeIfThere(store, leasePath(options, own));
  return true;
}

/**
 * Numbers begin anew after a clean close, so two who came at the same time may each have made a generation that the other
 * does not look at. The second of them sees the first here, and draws back.
 */
function requireAlone(options: LeaseOptions, own: number, found: Found): void {
  const { store, image } = options;
  for (const generation of leaseGenerations(store, options)) {
    if (generation === own) continue;
    const seen = readLease(store, leasePath(options, generation));
    const before = found.get(generation);
    const isTheSame = before && seen?.content?.nonce === before.content?.nonce;
    if (seen && !isTheSame) throw new LockedError(image, 'another process, which came at the same time');
  }
}

function createExclusively({ store, image }: LeaseOptions, path: string): StoreFile {
  try {
    return store.open(path, 'create');
  } catch (error) {
    if (error instanceof StoreError && error.code === 'EEXIST') throw new LockedError(image, 'another process');
    throw error;
  }
}

/** The thread that counts: the one that holds the lease is busy with synchronous work for as long as a run takes. */
function startHeart(path: string, content: LeaseContent, heartbeat: number): Worker {
  const heart = new Worker(new URL('./heartbeat.js', import.meta.url), {
    workerData: { path, content, heartbeat, size: LEASE_SIZE },
    resourceLimits: LANE_HEAP,
  });
  heart.unref();
  return heart;
}
