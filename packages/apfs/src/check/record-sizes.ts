// Records whose keys and values always have the same size, and those that a volume has only in some forms. See docs/formats/apfs.md.

import type { RecordPlace } from '../btree/cursor.js';
import { CryptoStateValue, DirectoryStatsValue, RECORD_TYPE } from '../structs/records.js';
import { FileHashValue, HASHES } from '../structs/sealed.js';
import { type FieldRule, type FieldRules, judgeFields, oneOf, ZERO } from './fields.js';

/** What a volume is, as far as its records depend on it. */
export interface VolumeForm {
  readonly isEncrypted: boolean;
  readonly isSealed: boolean;
  /** Extents beyond the end of a file are marked. */
  readonly hasPreallocated: boolean;
}

const HEADER = 8;
const WITH_NUMBER = 16;
const KEY_SIZES: Readonly<Record<number, number>> = {
  [RECORD_TYPE.inode]: HEADER,
  [RECORD_TYPE.siblingLink]: WITH_NUMBER,
  [RECORD_TYPE.dstreamId]: HEADER,
  [RECORD_TYPE.cryptoState]: HEADER,
  [RECORD_TYPE.fileExtent]: WITH_NUMBER,
  [RECORD_TYPE.directoryStats]: HEADER,
  [RECORD_TYPE.siblingMap]: HEADER,
  [RECORD_TYPE.fileInfo]: WITH_NUMBER,
};
const VALUE_SIZES: Readonly<Record<number, number>> = {
  [RECORD_TYPE.dstreamId]: 4,
  [RECORD_TYPE.directoryStats]: DirectoryStatsValue.size,
  [RECORD_TYPE.siblingMap]: 8,
};

/** What is wrong with the sizes of a record of this type, or with its being here; or null. */
export function sizeProblem(type: number, { keyLength, valueLength }: RecordPlace, form: VolumeForm): string | null {
  const key = KEY_SIZES[type];
  if (key !== undefined && keyLength !== key) return `a key of ${keyLength} bytes`;
  const value = VALUE_SIZES[type];
  if (value !== undefined && valueLength !== value) return `a value of ${valueLength} bytes`;
  if (type === RECORD_TYPE.fileInfo && !form.isSealed) return 'hashes, in a volume that is not sealed';
  if (type === RECORD_TYPE.fileExtent && form.isSealed) return 'an extent, which a sealed volume keeps elsewhere';
  if (type === RECORD_TYPE.cryptoState && !form.isEncrypted) return 'a key, in a volume that is not encrypted';
  return null;
}

/** The one that stands for software encryption; the next one is reserved, and all ones mean that none is assigned yet. */
const SOFTWARE_KEY = 4;
const NO_KEYS: readonly number[] = [0, 5];
const LONGEST_KEY = 128;
const NOT_ZERO: FieldRule<unknown> = { wants: 'anything but 0', holds: (value) => value > 0n };
const KEY_STATE: FieldRules<typeof CryptoStateValue.fields, unknown> = {
  major_version: oneOf(5),
  minor_version: ZERO,
  cpflags: ZERO,
  key_os_version: NOT_ZERO,
  key_revision: NOT_ZERO,
};
const NO_STATE: FieldRules<typeof CryptoStateValue.fields, unknown> = {
  major_version: ZERO,
  minor_version: ZERO,
  cpflags: ZERO,
  persistent_class: ZERO,
  key_os_version: ZERO,
  key_revision: ZERO,
  key_len: ZERO,
};

/** Tells each field of the state of a key that cannot be so. */
export function judgeCryptoState(id: number, record: RecordPlace, tell: (message: string) => void): void {
  const { view, valueAt, valueLength } = record;
  if (valueLength < CryptoStateValue.size) {
    tell(`the state of key ${id} has ${valueLength} bytes`);
    return;
  }
  const length = view.getUint16(valueAt + CryptoStateValue.at.key_len, true);
  const isWhole = length <= LONGEST_KEY && CryptoStateValue.size + length === valueLength;
  if (!isWhole) tell(`a wrapped key of ${length} bytes in a state of ${valueLength}`);
  if (NO_KEYS.includes(id)) tell(`key ${id} is none`);
  if (view.getUint32(valueAt + CryptoStateValue.at.refcnt, true) === 0) tell(`key ${id} is used by nothing`);
  judgeFields(
    CryptoStateValue,
    id === SOFTWARE_KEY ? NO_STATE : KEY_STATE,
    { view, at: valueAt, facts: null },
    (message) => tell(`of key ${id}, ${message}`),
  );
}

const DATA_HASH = 1;

/** What is wrong with the record of a hash of data, or null. */
export function hashProblem({ view, keyAt, valueAt, valueLength }: RecordPlace): string | null {
  const kind = view.getUint8(keyAt + 15);
  if (kind !== DATA_HASH) return `what is told of data in kind ${kind}`;
  if (valueLength < FileHashValue.size) return `a hash in ${valueLength} bytes`;
  const size = view.getUint8(valueAt + FileHashValue.at.hash_size);
  const isOne = Object.values(HASHES).some((each) => each.size === size);
  if (!isOne || FileHashValue.size + size !== valueLength) return `a hash of ${size} bytes in ${valueLength}`;
  return view.getUint16(valueAt + FileHashValue.at.hashed_len, true) === 0 ? 'a hash of nothing' : null;
}
