// Key bags, field by field, and whether every wrapped key in them is whole: without one of them a volume is lost, passphrase or not.
// None of this needs a passphrase. See docs/formats/apfs.md.

import { CorruptError, UnsupportedError, u32le, u64le } from '@tintype/core';
import { parseKeyBlob } from '../encryption/key-blob.js';
import {
  type BagEntry,
  type BagPlace,
  entriesOf,
  openKeybag,
  volumeBagPlace,
  volumeKeyEntry,
} from '../encryption/keybag.js';
import { KDF_ROUNDS_LIMIT } from '../limits.js';
import type { ContainerReader } from '../reading/container-reader.js';
import { NxSuperblock } from '../structs/container.js';
import { KEYBAG_ALIGNMENT, KEYBAG_TAG, Keybag, KeybagEntry, Prange } from '../structs/keybag.js';
import type { BlockMap } from './block-map.js';
import { type FieldRules, judgeFields, ZERO } from './fields.js';
import type { Report } from './report.js';

/** What is looked into, and where what is found goes. */
interface Bags {
  readonly container: ContainerReader;
  readonly report: Report;
  readonly used: BlockMap;
}

const nx = NxSuperblock.at;
const CONTAINER = 'key bag of the container';
/** Tags that no entry of a bag has. */
const NO_TAGS = { container: [0, 1, 4, 6], volume: [0, 1, 2] } as const;

const HEADER: FieldRules<typeof Keybag.fields, number> = {
  o_oid: ZERO,
  o_xid: {
    wants: (xid) => `1 to ${xid.toString(16)}`,
    holds: (value, xid) => value > 0n && value <= BigInt(xid),
  },
  o_subtype: ZERO,
  kl_padding: ZERO,
};
const ENTRY: FieldRules<typeof KeybagEntry.fields, unknown> = { ke_padding: ZERO };

/** The bag of the container, if it has one; that of each volume is looked at with the volume. */
export function checkContainerBag(check: Bags): void {
  const place = containerBag(check);
  if (place) attempt(check, CONTAINER, () => judge(check, place, CONTAINER));
}

/** The bag of an encrypted volume: marks its blocks, and tells what is wrong with its keys. */
export function checkVolumeBag(check: Bags, uuid: Uint8Array, volume: string): void {
  const { container, report, used } = check;
  const name = `key bag of ${volume}`;
  const place = containerBag(check);
  if (!place) return;
  attempt(check, name, () => {
    const { blocks } = container;
    const entries = entriesOf(openKeybag(blocks, place), place.start * blocks.size);
    const own = volumeBagPlace(entries, uuid);
    used.mark(own.start, own.count, name);
    volumeKeyEntry(entries, uuid);
    const records = judge(check, own, name);
    const canUnlock = records.some(({ tag }) => tag === KEYBAG_TAG.unlockRecords);
    report.expect(canUnlock, 'keybag', name, 'holds nothing that a passphrase opens');
  });
}

function containerBag({ container: { superblock } }: Bags): BagPlace | null {
  const start = u64le(superblock, 0, nx.nx_keylocker_start);
  if (start === 0) return null;
  const uuid = new Uint8Array(superblock.buffer, superblock.byteOffset + nx.nx_uuid, 16);
  return { start, count: u64le(superblock, 0, nx.nx_keylocker_count), uuid, kind: 'container' };
}

/** What the hardware of a Mac keeps is not looked into. */
function attempt({ report }: Bags, name: string, work: () => void): void {
  try {
    report.attempt('keybag', name, work);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
  }
}

/** Every field of a bag and of its entries. @throws CorruptError, UnsupportedError */
function judge({ container, report }: Bags, place: BagPlace, name: string): BagEntry[] {
  const { blocks, xid } = container;
  const tell = (message: string): void => report.add('keybag', name, message);
  const view = openKeybag(blocks, place);
  judgeFields(Keybag, HEADER, { view, at: 0, facts: xid }, tell);
  const entries = entriesOf(view, place.start * blocks.size);
  let end: number = Keybag.size;
  for (const [index, entry] of entries.entries()) {
    judgeFields(KeybagEntry, ENTRY, { view, at: end, facts: null }, (message) => tell(`of entry ${index}, ${message}`));
    end += KEYBAG_ALIGNMENT * Math.ceil((KeybagEntry.size + entry.data.length) / KEYBAG_ALIGNMENT);
    const problem = entryProblem(entry, place.kind, blocks.count);
    if (problem !== null) tell(`entry ${index} ${problem}`);
  }
  const said = Keybag.at.kl_version + u32le(view, 0, Keybag.at.kl_nbytes);
  const rest = new Uint8Array(view.buffer, view.byteOffset, said).subarray(end);
  if (end > said || rest.some((byte) => byte !== 0)) tell(`its entries take ${end} bytes, not ${said}`);
  return entries;
}

/** What is wrong with an entry, or null. */
function entryProblem({ tag, data }: BagEntry, kind: BagPlace['kind'], count: number): string | null {
  const none: readonly number[] = NO_TAGS[kind];
  if (none.includes(tag)) return `has tag ${tag}, which none has`;
  if (kind === 'container' && tag === KEYBAG_TAG.unlockRecords) return rangeProblem(data, count);
  const isKey = tag === (kind === 'container' ? KEYBAG_TAG.volumeKey : KEYBAG_TAG.unlockRecords);
  return isKey ? keyProblem(data, kind) : null;
}

function rangeProblem(data: Uint8Array, count: number): string | null {
  if (data.length !== Prange.size) return `tells a place in ${data.length} bytes`;
  const { pr_start_paddr: start, pr_block_count: length } = Prange.read(
    new DataView(data.buffer, data.byteOffset, data.length),
    0,
  );
  const isInside = start > 0 && length > 0 && start + length <= count;
  return isInside ? null : `tells of a bag of ${length} blocks at ${start}`;
}

function keyProblem(data: Uint8Array, kind: BagPlace['kind']): string | null {
  try {
    const { derivation } = parseKeyBlob(data);
    if (kind === 'container') return null;
    if (!derivation) return 'holds a key that no passphrase opens';
    const { rounds } = derivation;
    return rounds > 0 && rounds <= KDF_ROUNDS_LIMIT ? null : `derives its key in ${rounds} rounds`;
  } catch (error) {
    if (error instanceof UnsupportedError) return null;
    if (error instanceof CorruptError) return `holds a damaged key: ${error.message}`;
    throw error;
  }
}
