// The files of leases: `PREFIX1`, `PREFIX2`, … in one folder, 512 bytes each, one a generation.

import { type FileStore, isMissing } from '@tintype/core';

export const LEASE_SIZE = 512;
/** Of one that was given up without a clean close: no process has it. */
export const NOBODY = 0;

export interface LeaseContent {
  readonly host: string;
  readonly boot: string;
  readonly pid: number;
  readonly nonce: string;
  readonly counter: number;
}

/** Folder of the lease files, and what their names begin with: `tintype.lease.` or `.NAME.tintype.lease.`. */
export interface LeasePlace {
  readonly folder: string;
  readonly prefix: string;
}

/** `text` is what the file holds: a lease that is just being made is empty, and still somebody's. */
export interface SeenLease {
  readonly text: string;
  readonly content: LeaseContent | null;
}

export const leasePath = ({ folder, prefix }: LeasePlace, generation: number): string =>
  `${folder}/${prefix}${generation}`;

/** Ascending. Names that are no plain numbers are none of ours. */
export function leaseGenerations(store: FileStore, { folder, prefix }: LeasePlace): number[] {
  const generations: number[] = [];
  for (const { name } of store.list(folder))
    if (name.startsWith(prefix) && /^[1-9]\d{0,14}$/.test(name.slice(prefix.length)))
      generations.push(Number(name.slice(prefix.length)));
  return generations.sort((a, b) => a - b);
}

export function leaseBytes(content: LeaseContent): Uint8Array {
  const bytes = Buffer.alloc(LEASE_SIZE, 0x20);
  bytes.write(`${JSON.stringify(content)}\n`, 0, 'utf8');
  bytes[LEASE_SIZE - 1] = 0x0a;
  return bytes;
}

/** Null if it is gone. Opened anew each time: a handle that is kept shows old content on shares. */
export function readLease(store: FileStore, path: string): SeenLease | null {
  const bytes = new Uint8Array(LEASE_SIZE);
  let length = 0;
  try {
    const file = store.open(path, 'read');
    try {
      length = file.read(0, bytes);
    } finally {
      file.close();
    }
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const text = Buffer.from(bytes.subarray(0, length)).toString('utf8').trim();
  return { text, content: parsed(text) };
}

export function removeIfThere(store: FileStore, path: string): void {
  try {
    store.remove(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function parsed(text: string): LeaseContent | null {
  try {
    const value: unknown = JSON.parse(text || 'null');
    return isLease(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
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
