// What a run did, one line an action, in the image itself: `/_SafetyNet/.tintype/runs/UTC-RANDOM.jsonl`. A commit line
// closes what that commit made durable; whoever reads ignores what follows the last one.

import { hostname } from 'node:os';
import type { ItemId, WritableVolume } from '@tintype/core';
import { type AttributesBefore, attributesAsJson } from './attributes-before.js';
import type { OwnFolders } from './own-folder.js';
import type { NetSnapshot } from './snapshot-net.js';

export interface RunHead {
  readonly version: 1;
  readonly run: string;
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly source: string;
  /** Name of the SafetyNet folder of this run, whether it came to be or not. */
  readonly safetynet: string | null;
  /** The snapshot that keeps what was there before this run, instead of a folder. */
  readonly snapshot?: NetSnapshot;
  /** The run that this one takes back. */
  readonly undoes?: string;
  /** The record of the attempt before, if this one goes on with a run that lost its destination or found it full. */
  readonly continues?: string;
}

/** What a whole run found in its source. */
export interface RunTotals {
  readonly items: number;
  readonly bytes: number;
}

/** What the last commit line of a whole run says beside its number: what it saw, or which run it took back. */
export type RunEnd = RunTotals | { readonly undone: string };

const BUFFERED = 256 << 10;

/** What a run says of itself; its id and its host are found here. */
export interface RunStart {
  /** Seconds since 1970. */
  readonly started: number;
  readonly source: string;
  readonly safetynet: string | null;
  readonly snapshot?: NetSnapshot;
  readonly undoes?: string;
  readonly continues?: string;
  /** Default: this host. */
  readonly host?: string;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly random: (target: Uint8Array) => void;
}

/** A new record, under an id that begins with the time in UTC. */
export function startRecord(volume: WritableVolume, folders: OwnFolders, start: RunStart): RunRecord {
  const { owner, random, ...rest } = start;
  const { uid, gid } = owner;
  const started = new Date(start.started * 1000).toISOString();
  const bytes = new Uint8Array(4);
  random(bytes);
  const run = `${started.replace(/[-:]|\.\d+/g, '')}-${Buffer.from(bytes).toString('hex')}`;
  return new RunRecord(volume, folders, { version: 1, run, host: hostname(), ...rest, started }, { uid, gid });
}

export class RunRecord {
  /** Its id. */
  readonly run: string;
  readonly #volume: WritableVolume;
  readonly #id: ItemId;
  #position = 0;
  #lines: string[] = [];
  #length = 0;

  constructor(volume: WritableVolume, folders: OwnFolders, head: RunHead, owner: { uid: number; gid: number }) {
    this.run = head.run;
    this.#volume = volume;
    const seconds = Math.floor(Date.parse(head.started) / 1000);
    const times = { mtime: seconds, mtimeNanos: 0, ctime: seconds, ctimeNanos: 0, btime: seconds, btimeNanos: 0 };
    const rest = { flags: 0, size: 0, target: '', rdevMajor: 0, rdevMinor: 0, ...times, ...owner };
    const name = `${head.run}.jsonl`;
    const [id] = volume.create(folders.own('runs'), [{ name, kind: 'file', mode: 0o600, ...rest }]);
    this.#id = id as ItemId;
    this.#add(JSON.stringify(head));
  }

  action(action: 'created' | 'replaced' | 'moved' | 'removed' | 'racy', path: string, to?: string): void {
    this.#add(
      to === undefined
        ? `{"${action}":${JSON.stringify(path)}}`
        : `{"${action}":${JSON.stringify(path)},"to":${JSON.stringify(to)}}`,
    );
  }
  /** Changed in place: the line says what they were. */
  attributes(path: string, before: AttributesBefore): void {
    this.#add(JSON.stringify({ updated: path, ...attributesAsJson(before) }));
  }
  /**
   * Writes all lines so far and the one that closes commit `number`. Call right before the commit; with `end` if the run
   * came to its end.
   */
  commit(number: number, end: RunEnd | null): void {
    this.#add(JSON.stringify({ commit: number, ...end }));
    this.#write();
  }

  #add(line: string): void {
    this.#lines.push(line);
    this.#length += line.length + 1;
    if (this.#length >= BUFFERED) this.#write();
  }
  #write(): void {
    const bytes = Buffer.from(`${this.#lines.join('\n')}\n`);
    this.#volume.write(this.#id, this.#position, bytes);
    this.#position += bytes.length;
    this.#lines = [];
    this.#length = 0;
  }
}
