// Data streams of a volume: extents without a gap, sizes, and how many inodes share each. See docs/formats/apfs.md.
// Places and messages are only made for what is wrong: for every record they took a third of the check's time.

import { CorruptError, u64le } from '@tintype/core';
import type { RecordPlace } from '../btree/cursor.js';
import { get64 } from '../object.js';
import type { Inode } from '../records/inodes.js';
import { FileExtentValue, INODE_FLAGS } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import { Changes } from './changes.js';
import type { Kind } from './kinds.js';
import { extentSize, fileExtentProblem } from './record-forms.js';
import type { VolumeForm } from './record-sizes.js';
import type { Report } from './report.js';

const CLONED = INODE_FLAGS.wasCloned | INODE_FLAGS.wasEverCloned;

interface StreamFacts {
  /** Where its extents begin and end in it, and bytes of holes among them. */
  start: number;
  end: number;
  holes: number;
  /** What the record of the stream says, or null. */
  count: number | null;
  inodes: number;
  /** Bytes that the first of its inodes says. */
  size: number | null;
  /** Bytes of the attribute that it is of, and those that it says to take; null if it is of none. */
  owner: number | null;
  alloced: number;
}

export interface StreamForm extends VolumeForm {
  /** Bytes. */
  readonly blockSize: number;
}

export class StreamCheck {
  /** By block: in how many streams it is. */
  readonly blocks = new Changes();
  readonly #facts = new Map<number, StreamFacts>();
  readonly #name: string;
  readonly #form: StreamForm;
  readonly #report: Report;
  /** Extents of the stream that is being read: pairs of start and count. */
  #current = { stream: -1, extents: [] as number[] };

  constructor(name: string, form: StreamForm, report: Report) {
    this.#name = name;
    this.#form = form;
    this.#report = report;
  }

  extent(stream: number, record: RecordPlace): void {
    const { view, keyAt, valueAt, valueLength } = record;
    if (valueLength < extentSize(this.#form.isSealed))
      throw new CorruptError('j_file_extent_val', 'size', stream, `only ${valueLength} bytes`);
    const position = get64(view, keyAt + 8);
    const length = (view.getUint32(valueAt + 4, true) & 0xff_ffff) * 0x1_0000_0000 + view.getUint32(valueAt, true);
    const block = u64le(view, valueAt, FileExtentValue.at.phys_block_num);
    const facts = this.#of(stream);
    const bad = (kind: Kind, message: string): void =>
      this.#report.add(kind, `${this.#name}, stream ${stream}`, message);
    const problem = fileExtentProblem(record, this.#form);
    const { blockSize } = this.#form;
    if (problem !== null) bad('stream-extent', problem);
    if (facts.end === 0) facts.start = position;
    else if (position !== facts.end)
      bad('stream-gap', `an extent at ${position} does not follow the one to ${facts.end}`);
    const isWhole = length > 0 && length % blockSize === 0;
    if (!isWhole) bad('stream-extent', `an extent of ${length} bytes at ${position}`);
    facts.end = position + length;
    if (block === 0) facts.holes += length;
    else this.#hold(stream, block, Math.ceil(length / blockSize));
  }

  /** A block counts once for a stream, however often it is in it. */
  #hold(stream: number, start: number, count: number): void {
    if (this.#current.stream !== stream) this.#settle();
    this.#current.stream = stream;
    this.#current.extents.push(start, count);
  }
  #settle(): void {
    const { extents } = this.#current;
    if (extents.length <= 2) {
      const [start = 0, count = 0] = extents;
      if (count > 0) this.blocks.add(start, count, 1);
      this.#current = { stream: -1, extents: [] };
      return;
    }
    const pairs: [number, number][] = [];
    for (let i = 0; i < extents.length; i += 2) pairs.push([extents[i] as number, extents[i + 1] as number]);
    pairs.sort((a, b) => a[0] - b[0]);
    let end = 0;
    for (const [start, count] of pairs) {
      const from = Math.max(start, end);
      if (start + count > from) this.blocks.add(from, start + count - from, 1);
      end = Math.max(end, start + count);
    }
    this.#current = { stream: -1, extents: [] };
  }

  /** The record that counts the inodes of a stream. */
  count(stream: number, count: number): void {
    this.#of(stream).count = count;
  }

  /** The stream of an extended attribute. */
  attribute(stream: number, sizes: { readonly size: number; readonly alloced: number }, inode: number): void {
    const facts = this.#of(stream);
    const place = `${this.#name}, inode ${inode}`;
    this.#report.expect(
      facts.owner === null,
      'stream-shared',
      place,
      `stream ${stream} of an attribute has another owner`,
    );
    facts.owner = sizes.size;
    facts.alloced = sizes.alloced;
  }

  /** When all records were seen: the streams of inodes, and those of attributes. */
  finish(inodes: Iterable<Inode>): void {
    this.#settle();
    for (const inode of inodes) this.#inode(inode);
    for (const [stream, { count, inodes: held, owner, alloced, start, end, holes }] of this.#facts) {
      const bad = (kind: Kind, message: string): void =>
        this.#report.add(kind, `${this.#name}, stream ${stream}`, message);
      if (stream < INODE.firstUser) bad('stream-extent', 'its number is reserved');
      if (start > 0 && held === 0) bad('stream-gap', `its first extent is at ${start}`);
      if (owner !== null) {
        if (end < owner || holes !== 0) bad('stream-size', `${end} bytes hold ${owner} of an attribute`);
        if (alloced !== end) bad('stream-size', `the extents hold ${end} bytes, not ${alloced}`);
        if (count !== null || held !== 0) bad('stream-count', 'an attribute and a file use it');
      } else if (count === null) {
        if (held !== 0 || end !== 0) bad('stream-count', 'it has no record of its own');
      } else if (count !== held) bad('stream-count', `${held} inodes use it, not ${count}`);
    }
  }

  /** Streams of files whose own record is missing or counts wrongly, with how many inodes use them. After `finish`. */
  *miscounted(): Generator<{ readonly stream: number; readonly inodes: number }> {
    for (const [stream, { count, inodes, owner }] of this.#facts)
      if (owner === null && inodes > 0 && count !== inodes) yield { stream, inodes };
  }

  #inode({ id, kind, stream, size, alloced, sparseBytes, hasStream, links, internalFlags }: Inode): void {
    if (!hasStream) return;
    const facts = this.#of(stream);
    facts.inodes += 1;
    const { start, end, holes } = facts;
    const bad = (problem: Kind, message: string): void =>
      this.#report.add(problem, `${this.#name}, inode ${id}`, message);
    if (kind !== 'file') bad('inode-record', `a ${kind} has a data stream`);
    if (size > alloced) bad('stream-size', `${size} bytes in ${alloced}`);
    const isShared = facts.count !== null && facts.count > 1;
    if (isShared && (internalFlags & CLONED) === 0) bad('inode-record', `is no clone, but shares stream ${stream}`);
    facts.size ??= size;
    if (size !== facts.size) bad('stream-size', `${size} bytes of a stream that has ${facts.size} for another`);
    // What is deleted goes piece by piece, from the front.
    if (links === 0) return;
    if (start > 0) bad('stream-gap', `the first extent is at ${start}`);
    if (end !== alloced) bad('stream-size', `the extents hold ${end} bytes, not ${alloced}`);
    if (holes !== sparseBytes) bad('stream-size', `${holes} bytes are holes, not ${sparseBytes}`);
  }

  #of(stream: number): StreamFacts {
    let facts = this.#facts.get(stream);
    if (!facts) {
      facts = { start: 0, end: 0, holes: 0, count: null, inodes: 0, size: null, owner: null, alloced: 0 };
      this.#facts.set(stream, facts);
    }
    return facts;
  }
}
