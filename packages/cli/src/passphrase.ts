// Passphrases, from wherever the user has them: a file, a descriptor, standard input, the environment, the terminal.
// They are bytes from beginning to end, in memory that the worker shares, so that one wipe wipes all.

import { closeSync, openSync, readSync } from 'node:fs';
import { hostPath, RefusedError, StoreError } from '@tintype/core';
import { UsageError } from '@tintype/engine/run';
import { text } from './arguments.js';
import type { Parsed } from './command.js';
import { printable } from './output/printable.js';
import { askHidden } from './prompt.js';
import { sleep } from './sleep.js';

/** Longer than any passphrase: a wrong file was named. */
const LIMIT = 65_536;
const STDIN = 0;
const RETRY_MS = 5;
const NEWLINE = 0x0a;
const VARIABLES = { first: 'TINTYPE_PASSPHRASE', second: 'TINTYPE_NEW_PASSPHRASE' } as const;

const EXPLICIT = ['passphrase-file', 'passphrase-fd', 'stdinpass', 'new-passphrase-file', 'new-passphrase-fd'];

type Which = keyof typeof VARIABLES;

/** `second`: that one only if it is given. */
export type PassphrasesNeeded = 'one' | 'both' | 'second';

const inherited = new Map<Which, Uint8Array>();

/** Takes them out of the environment, before any thread or child gets it. */
export function takeFromEnvironment(environment: NodeJS.ProcessEnv): void {
  for (const which of ['first', 'second'] as const) {
    const value = environment[VARIABLES[which]];
    if (value !== undefined) inherited.set(which, shared(Buffer.from(value)));
    delete environment[VARIABLES[which]];
  }
}

export class Passphrases {
  readonly #parsed: Parsed;
  readonly #found = new Map<Which, Uint8Array>();
  #input: InputReader | null = null;

  /** Reads what the options name; `needed`: two at once, or the second too if standard input has one. */
  constructor(parsed: Parsed, needed: PassphrasesNeeded = 'one') {
    this.#parsed = parsed;
    this.#read('first', '');
    this.#read('second', 'new-');
    if (needed !== 'one') this.#fromInput('second');
  }

  get first(): Uint8Array | undefined {
    return this.#found.get('first');
  }
  get second(): Uint8Array | undefined {
    return this.#found.get('second');
  }
  /** True if an option says where one is, and not only the environment. */
  get isExplicit(): boolean {
    return EXPLICIT.some((name) => this.#parsed.values[name] !== undefined);
  }

  /** Gets the next one that is missing; false if there is nowhere to get it from. `twice`: for a new image. */
  async obtain(path: string, asking: 'once' | 'twice' = 'once'): Promise<boolean> {
    const which = this.first === undefined ? 'first' : 'second';
    if (this.#found.has(which)) return false;
    if (this.#fromInput(which)) return true;
    const answer = await askHidden(`${asking === 'twice' ? 'New passphrase' : 'Passphrase'} of ${printable(path)}: `);
    if (!answer) return false;
    this.#found.set(which, shared(answer));
    if (asking === 'once') return true;
    const again = await askHidden('The same once more: ');
    const isSame = again !== null && Buffer.compare(again, this.#found.get(which) as Uint8Array) === 0;
    again?.fill(0);
    if (!isSame) throw new RefusedError('passphrase-differs', 'the two passphrases differ', { path });
    return true;
  }

  wipe(): void {
    for (const bytes of [...this.#found.values(), ...inherited.values()]) bytes.fill(0);
    this.#input?.wipe();
  }

  #read(which: Which, prefix: string): void {
    const file = text(this.#parsed, `${prefix}passphrase-file`);
    const descriptor = text(this.#parsed, `${prefix}passphrase-fd`);
    const isStdin = which === 'first' && this.#parsed.values.stdinpass === true;
    if ([file !== undefined, descriptor !== undefined, isStdin].filter(Boolean).length > 1)
      throw new UsageError(`--${prefix}passphrase-file, --${prefix}passphrase-fd and --stdinpass exclude each other`);
    if (file !== undefined) this.#found.set(which, fromFile(file));
    else if (descriptor !== undefined) this.#found.set(which, fromDescriptor(descriptor, prefix));
    else if (isStdin) this.#fromInput(which);
    else {
      const bytes = inherited.get(which);
      if (bytes) this.#found.set(which, bytes);
    }
  }

  /** With `--stdinpass` the two follow each other, each ended by NUL. */
  #fromInput(which: Which): boolean {
    if (this.#parsed.values.stdinpass !== true || this.#found.has(which)) return false;
    this.#input ??= new InputReader(STDIN, 'standard input');
    const bytes = this.#input.next();
    if (bytes === null) return false;
    this.#found.set(which, bytes);
    return true;
  }
}

function fromFile(path: string): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(hostPath(path), 'r');
  } catch (error) {
    throw new StoreError((error as NodeJS.ErrnoException).code ?? 'EIO', 'open', path);
  }
  try {
    return new InputReader(descriptor, path).next() ?? shared(new Uint8Array(0));
  } finally {
    closeSync(descriptor);
  }
}

function fromDescriptor(number: string, prefix: string): Uint8Array {
  if (!/^\d{1,9}$/.test(number)) throw new UsageError(`--${prefix}passphrase-fd ${number}: give a number`);
  return new InputReader(Number(number), `file descriptor ${number}`).next() ?? shared(new Uint8Array(0));
}

/** Passphrases from one descriptor: each to a NUL or the end, less one newline. */
class InputReader {
  readonly #descriptor: number;
  readonly #name: string;
  readonly #bytes = Buffer.alloc(LIMIT);
  #length = 0;
  #ended = false;

  constructor(descriptor: number, name: string) {
    this.#descriptor = descriptor;
    this.#name = name;
  }

  /** Null if nothing is left. */
  next(): Uint8Array | null {
    let end = this.#bytes.subarray(0, this.#length).indexOf(0);
    while (end < 0 && !this.#ended) {
      if (this.#length === LIMIT) throw new UsageError(`${this.#name} holds more than any passphrase`);
      const got = this.#more();
      end = this.#bytes.subarray(0, this.#length).indexOf(0, this.#length - got);
    }
    if (end < 0 && this.#length === 0) return null;
    const stop = end < 0 ? this.#length : end;
    const hasNewline = stop > 0 && this.#bytes[stop - 1] === NEWLINE;
    const passphrase = shared(this.#bytes.subarray(0, hasNewline ? stop - 1 : stop));
    const rest = this.#bytes.subarray(Math.min(this.#length, stop + 1), this.#length);
    this.#bytes.copyWithin(0, stop + 1, this.#length);
    this.#length = rest.length;
    this.#bytes.fill(0, this.#length);
    return passphrase;
  }

  wipe(): void {
    this.#bytes.fill(0);
  }

  #more(): number {
    try {
      const got = readSync(this.#descriptor, this.#bytes, this.#length, LIMIT - this.#length, null);
      this.#length += got;
      this.#ended = got === 0;
      return got;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') this.#ended = true;
      else if (code !== 'EAGAIN') throw new StoreError(code ?? 'EIO', 'read', this.#name);
      else sleep(RETRY_MS);
      return 0;
    }
  }
}

/** A copy that threads share; what it was copied from is wiped. */
function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  bytes.fill(0);
  return copy;
}
