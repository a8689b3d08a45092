// Reading run records: what a run did, last action first, as far as its last commit. A record lies in an image that
// anyone may have written, so every line is checked.

import { CorruptError, type Item, type Volume } from '@tintype/core';
import { SAFETYNET_FOLDER } from '../tree/filter.js';
import { findItem } from '../tree/find-item.js';
import { type AttributesBefore, attributesFromJson } from './attributes-before.js';
import { OWN_FOLDER } from './own-folder.js';
import type { RunHead, RunTotals } from './run-record.js';
import type { NetSnapshot } from './snapshot-net.js';

export interface RunAction {
  readonly action: 'created' | 'replaced' | 'moved' | 'removed' | 'updated';
  /** Absolute, in the image volume. */
  readonly path: string;
  /** Where SafetyNet has it. */
  readonly to: string | null;
  /** Of `updated`: the attributes of before. */
  readonly before?: AttributesBefore;
}

export interface RunFile {
  readonly item: Item;
  readonly name: string;
  /** Null if the first line is none of ours. */
  readonly head: RunHead | null;
  /** Name of the run that this one took back, if it did that to the end. */
  readonly undone: string | null;
}

const PIECE = 256 << 10;
/** Longer lines are not ours: a path has at most some 300 names of 255 characters. */
const LONGEST_LINE = 1 << 20;
const LONGEST_HEAD = 64 << 10;
const SUFFIX = '.jsonl';

/** Records of all runs, oldest first. */
export function runFiles(volume: Volume): RunFile[] {
  const files = recordItems(volume).map((item) => ({
    item,
    name: item.name.slice(0, -SUFFIX.length),
    head: readHead(volume, item),
    undone: undoneBy(volume, item),
  }));
  // Within one second names say nothing.
  const started = ({ head }: RunFile): string => head?.started ?? '';
  return files.sort((a, b) => (started(a) < started(b) ? -1 : started(a) > started(b) ? 1 : 0));
}

/** Names of all run records. */
export function runNames(volume: Volume): string[] {
  return recordItems(volume).map(({ name }) => name.slice(0, -SUFFIX.length));
}

/** The record of a run, or null. */
export function runItem(volume: Volume, run: string): Item | null {
  const item = findItem(volume, `${SAFETYNET_FOLDER}/${OWN_FOLDER}/runs/${run}${SUFFIX}`);
  return item?.kind === 'file' ? item : null;
}

/** By name: that begins with the time in UTC, in seconds. */
function recordItems(volume: Volume): Item[] {
  const folder = findItem(volume, `${SAFETYNET_FOLDER}/${OWN_FOLDER}/runs`);
  if (folder?.kind !== 'directory') return [];
  const items = volume.list(folder.id).filter(({ kind, name }) => kind === 'file' && name.endsWith(SUFFIX));
  return items.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** First lines of all run records, oldest first; files that are none are passed over. */
export function readRunHeads(volume: Volume): RunHead[] {
  const heads = recordItems(volume).flatMap((item) => readHead(volume, item) ?? []);
  return heads.sort((a, b) => (a.started < b.started ? -1 : 1));
}

function readHead(volume: Volume, item: Item): RunHead | null {
  const bytes = Buffer.alloc(Math.min(item.size, LONGEST_HEAD));
  const length = volume.read(item.id, 0, bytes);
  const end = bytes.subarray(0, length).indexOf(10);
  const head = end < 0 ? null : parse(bytes.toString('utf8', 0, end));
  return isRunHead(head) ? head : null;
}

function isRunHead(value: unknown): value is RunHead {
  if (typeof value !== 'object' || value === null) return false;
  const { version, run, started, undoes, continues, snapshot } = value as Partial<Record<keyof RunHead, unknown>>;
  const isPlain = version === 1 && typeof run === 'string' && typeof started === 'string';
  const isText = (name: unknown): boolean => name === undefined || typeof name === 'string';
  return isPlain && isText(undoes) && isText(continues) && isNetSnapshot(snapshot);
}

function isNetSnapshot(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { name, xid } = value as Partial<Record<keyof NetSnapshot, unknown>>;
  return typeof name === 'string' && Number.isSafeInteger(xid);
}

/** What the newest run found, if it came to its end: how much a later one will find, more or less. */
export function lastTotals(volume: Volume): RunTotals | null {
  const newest = recordItems(volume).at(-1);
  const { items, bytes } = (newest && lastCommit(volume, newest)) ?? {};
  return isCount(items) && isCount(bytes) ? { items, bytes } : null;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** What the last commit line says. @throws CorruptError for a line that is too long */
export function lastCommit(volume: Volume, item: Item): Readonly<Record<string, unknown>> | null {
  for (const line of linesBackwards(volume, item)) {
    const value = parse(line);
    if (value && 'commit' in value) return value;
  }
  return null;
}

function undoneBy(volume: Volume, item: Item): string | null {
  const undone = lastCommit(volume, item)?.undone;
  return typeof undone === 'string' ? undone : null;
}

/** Committed actions, the last one first. What is no action of ours is passed over. */
export function* actionsBackwards(volume: Volume, item: Item): Generator<RunAction> {
  let isCommitted = false;
  for (const line of linesBackwards(volume, item)) {
    const value = parse(line);
    if (value && 'commit' in value) isCommitted = true;
    const action = isCommitted && value ? actionOf(value) : null;
    if (action) yield action;
  }
}

function actionOf(value: Readonly<Record<string, unknown>>): RunAction | null {
  for (const action of ['created', 'replaced', 'moved', 'removed'] as const) {
    const path = value[action];
    const to = value.to ?? null;
    if (!isPath(path) || isBelow(path, SAFETYNET_FOLDER)) continue;
    if (to !== null && (!isPath(to) || !isBelow(to, SAFETYNET_FOLDER))) continue;
    return { action, path, to };
  }
  const { updated: path } = value;
  const before = isPath(path) || path === '/' ? attributesFromJson(value) : null;
  return before && !isBelow(path as string, SAFETYNET_FOLDER)
    ? { action: 'updated', path: path as string, to: null, before }
    : null;
}

function isPath(value: unknown): value is string {
  if (typeof value !== 'string' || !value.startsWith('/')) return false;
  return value
    .slice(1)
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..');
}

const isBelow = (path: string, folder: string): boolean => path.startsWith(`/${folder}/`) || path === `/${folder}`;

function parse(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Whole lines of a file, the last one first; memory follows the longest line. */
function* linesBackwards(volume: Volume, item: Item): Generator<string> {
  let rest = Buffer.alloc(0);
  for (let end = item.size; end > 0; ) {
    const start = Math.max(0, end - PIECE);
    const piece = Buffer.alloc(end - start);
    volume.read(item.id, start, piece);
    end = start;
    let bytes = Buffer.concat([piece, rest]);
    for (let at = bytes.lastIndexOf(10); at >= 0; at = bytes.lastIndexOf(10)) {
      const line = bytes.toString('utf8', at + 1);
      bytes = bytes.subarray(0, at);
      if (line !== '') yield line;
    }
    rest = bytes;
    if (rest.length > LONGEST_LINE) throw new CorruptError('run record', 'line', start, 'is longer than any of ours');
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
