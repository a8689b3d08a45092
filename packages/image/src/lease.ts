// The fenced lease: a lock that also works on shares, where whole-file locks may mean nothing.
//
// A lease is a file of 512 bytes, one a generation, made exclusively: holder, boot, nonce, counter. Its holder counts up
// every 5 s, from a thread of its own. It is stale at once if its process is gone on the same host and boot; else only
// when an observer saw the counter stand still for three heartbeats by its own clock. Breaking it is making the next
// generation. The holder looks at it again before every barrier, and before a write after a long gap: once it has been
// taken over, nothing more is written.

import { Worker } from 'node:worker_threads';
import { type FileStore, LockedError, StoreError, type StoreFile } from '@tintype/core';
import type { Holder } from './disk-image.js';
import { sleep } from './lock.js';

export const LEASE_SIZE = 512;
export const HEARTBEAT_MS = 5000;
/** Heartbeats that an observer waits for. */
const SILENT_HEARTBEATS = 3;
const GENERATIONS_LIMIT = 100_000;

interface LeaseContent {
  readonly host: string;
  readonly boot: string;
  readonly pid: number;
  readonly nonce: string;
  readonly counter: number;
}

export interface LeaseOptions {
  readonly store: FileStore;
  /** Folder of the lease files, and what their names begin with: `tintype.lease.` or `.NAME.tintype.lease.`. */
  readonly folder: string;
  readonly prefix: string;
  readonly holder: Holder;
  /** For messages. */
  readonly image: string;
  /** Milliseconds between heartbeats; 0: no thread (tests). */
  readonly heartbeat: number;
}

export class Lease {
  readonly #options: LeaseOptions;
  readonly #generation: number;
  readonly #nonce: string;
  readonly #heart: Worker | null;
  #lastLook: number;
  #lost = false;

  private constructor(
    options: LeaseOptions,
    generation: number,
    nonce: string,
    heart: Worker | null,
    /** True if another lease was there: its holder did not close the image. */
    readonly isTakenOver: boolean,
  ) {
    this.#options = options;
    this.#generation = generation;
    this.#nonce = nonce;
    this.#heart = heart;
    this.#lastLook = options.holder.clock();
    options.holder.leases?.add(this);
  }

  /** Takes the lease, breaking a stale one. @throws LockedError if it is held */
  static take(options: LeaseOptions): Lease {
    const { store, holder, folder, prefix, heartbeat } = options;
    const generations = leaseGenerations(store, folder, prefix);
    const newest = generations.at(-1);
    if (newest !== undefined) requireStale(options, newest);
    const generation = (newest ?? 0) + 1;
    const bytes = new Uint8Array(8);
    holder.random(bytes);
    const nonce = Buffer.from(bytes).toString('hex');
    const path = `${folder}/${prefix}${generation}`;
    const content: LeaseContent = { host: holder.host, boot: holder.boot, pid: holder.pid, nonce, counter: 0 };
    const file = createExclusively(options, path);
    file.write(0, leaseBytes(content));
    file.sync();
    file.close();
    store.syncFolder(folder);
    for (const old of generations) removeIfThere(store, `${folder}/${prefix}${old}`);
    return new Lease(
      options,
      generation,
      nonce,
      heartbeat > 0 ? startHeart(path, content, heartbeat) : null,
      newest !== undefined,
    );
  }

  get path(): string {
    return `${this.#options.folder}/${this.#options.prefix}${this.#generation}`;
  }

  /** Before a barrier: the lease is read again. @throws LockedError if it was taken over */
  requireHeld(): void {
    const { store, holder, folder, prefix, image } = this.#options;
    this.#lastLook = holder.clock();
    const next = store.kind(`${folder}/${prefix}${this.#generation + 1}`);
    const content = this.#lost || next !== null ? null : readLease(store, this.path);
    if (content?.nonce === this.#nonce) return;
    this.#lost = true;
    throw new LockedError(image, 'another process, which took over its lease');
  }

  /** Before a write: only after a gap longer than a heartbeat. */
  requireFresh(): void {
    if (this.#lost || this.#options.holder.clock() - this.#lastLook > HEARTBEAT_MS / 1000) this.requireHeld();
  }

  /** Beats no more, but leaves the file. */
  abandon(): void {
    this.#options.holder.leases?.delete(this);
    void this.#heart?.terminate();
  }

  /** A clean close removes the lease. */
  release(): void {
    this.abandon();
    if (!this.#lost) removeIfThere(this.#options.store, this.path);
  }
}

/** Who holds the image, or null: for `info` and messages. A stale lease counts as none only if its process is gone. */
export function leaseHolder(store: FileStore, folder: string, prefix: string): string | null {
  const newest = leaseGenerations(store, folder, prefix).at(-1);
  const content = newest === undefined ? null : readLease(store, `${folder}/${prefix}${newest}`);
  return content && `process ${content.pid} on ${content.host}`;
}

function leaseGenerations(store: FileStore, folder: string, prefix: string): number[] {
  const generations: number[] = [];
  for (const { name } of store.list(folder)) {
    const number = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    if (Number.isInteger(number) && number > 0 && number < GENERATIONS_LIMIT) generations.push(number);
  }
  return generations.sort((a, b) => a - b);
}

function requireStale(options: LeaseOptions, generation: number): void {
  const { store, folder, prefix, holder, image } = options;
  const path = `${folder}/${prefix}${generation}`;
  const content = readLease(store, path);
  if (!content) return;
  const isHere = content.host === holder.host && content.boot === holder.boot && holder.boot !== '';
  if (isHere && (content.pid === holder.pid || !holder.alive(content.pid))) return;
  if (isHere) throw new LockedError(image, `process ${content.pid} on this host`);
  const started = holder.clock();
  while (holder.clock() - started < (SILENT_HEARTBEATS * HEARTBEAT_MS) / 1000) {
    sleep(500);
    const now = readLease(store, path);
    if (!now) return;
    if (now.counter !== content.counter || now.nonce !== content.nonce)
      throw new LockedError(image, `process ${now.pid} on ${now.host}`);
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

function leaseBytes(content: LeaseContent): Uint8Array {
  const bytes = Buffer.alloc(LEASE_SIZE, 0x20);
  bytes.write(`${JSON.stringify(content)}\n`, 0, 'utf8');
  bytes[LEASE_SIZE - 1] = 0x0a;
  return bytes;
}

/** Opened anew each time: a handle that is kept shows old content on shares. */
function readLease(store: FileStore, path: string): LeaseContent | null {
  try {
    const file = store.open(path, 'read');
    const bytes = new Uint8Array(LEASE_SIZE);
    const length = file.read(0, bytes);
    file.close();
    const value: unknown = JSON.parse(Buffer.from(bytes.subarray(0, length)).toString('utf8').trim() || 'null');
    return isLease(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof StoreError && error.code === 'ENOENT')) return null;
    throw error;
  }
}

function isLease(value: unknown): value is LeaseContent {
  if (typeof value !== 'object' || value === null) return false;
  const lease = value as Partial<Record<keyof LeaseContent, unknown>>;
  return (
    typeof lease.host === 'string' &&
    typeof lease.boot === 'string' &&
    typeof lease.pid === 'number' &&
    typeof lease.nonce === 'string' &&
    typeof lease.counter === 'number'
  );
}

function removeIfThere(store: FileStore, path: string): void {
  try {
    store.remove(path);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'ENOENT') throw error;
  }
}

/** The thread that counts: the one that holds the lease is busy with synchronous work for as long as a run takes. */
function startHeart(path: string, content: LeaseContent, heartbeat: number): Worker {
  const heart = new Worker(new URL('./heartbeat.js', import.meta.url), {
    workerData: { path, content, heartbeat, size: LEASE_SIZE },
  });
  heart.unref();
  return heart;
}
