// Sizes of records, those that belong to some volumes only, and each field of the state of a key and of a hash.

import { expect, test } from 'vitest';
import { CryptoStateValue, RECORD_TYPE } from '../structs/records.js';
import { FileHashValue } from '../structs/sealed.js';
import { hashProblem, judgeCryptoState, sizeProblem } from './record-sizes.js';

const FORM = { isEncrypted: false, isSealed: false, hasPreallocated: false };
const at = CryptoStateValue.at;

function record(keyLength: number, valueLength: number) {
  return { view: new DataView(new ArrayBuffer(400)), keyAt: 0, keyLength, valueAt: 100, valueLength };
}

test('keys and values of one size', () => {
  const { inode, fileExtent, dstreamId, siblingMap, directoryStats, xattr } = RECORD_TYPE;
  expect(sizeProblem(inode, record(8, 500), FORM)).toBe(null);
  expect(sizeProblem(inode, record(16, 500), FORM)).toBe('a key of 16 bytes');
  expect(sizeProblem(fileExtent, record(8, 24), FORM)).toBe('a key of 8 bytes');
  expect(sizeProblem(dstreamId, record(8, 8), FORM)).toBe('a value of 8 bytes');
  expect(sizeProblem(siblingMap, record(8, 9), FORM)).toBe('a value of 9 bytes');
  expect(sizeProblem(directoryStats, record(8, 24), FORM)).toBe('a value of 24 bytes');
  expect(sizeProblem(directoryStats, record(8, 32), FORM)).toBe(null);
  expect(sizeProblem(xattr, record(19, 7), FORM)).toBe(null);
});

test('what a volume has only if it is sealed, or encrypted', () => {
  const { fileInfo, fileExtent, cryptoState } = RECORD_TYPE;
  expect(sizeProblem(fileInfo, record(16, 35), FORM)).toMatch(/not sealed/);
  expect(sizeProblem(fileInfo, record(16, 35), { ...FORM, isSealed: true })).toBe(null);
  expect(sizeProblem(fileExtent, record(16, 24), { ...FORM, isSealed: true })).toMatch(/keeps elsewhere/);
  expect(sizeProblem(cryptoState, record(8, 24), FORM)).toMatch(/not encrypted/);
  expect(sizeProblem(cryptoState, record(8, 24), { ...FORM, isEncrypted: true })).toBe(null);
});

function toldOf(id: number, change: (view: DataView, at: number) => void, length = CryptoStateValue.size + 40) {
  const state = record(8, length);
  const { view, valueAt } = state;
  view.setUint32(valueAt + at.refcnt, 1, true);
  if (id !== 4) {
    view.setUint16(valueAt + at.major_version, 5, true);
    view.setUint32(valueAt + at.key_os_version, 0x1946_0005, true);
    view.setUint16(valueAt + at.key_revision, 1, true);
    view.setUint16(valueAt + at.key_len, 40, true);
  }
  change(view, valueAt);
  const told: string[] = [];
  judgeCryptoState(id, state, (message) => told.push(message));
  return told;
}

test('the state of a key, and what stands for software encryption', () => {
  expect(toldOf(300, () => {})).toEqual([]);
  expect(toldOf(4, () => {}, CryptoStateValue.size)).toEqual([]);
  expect(toldOf(5, () => {})).toEqual(['key 5 is none']);
  expect(toldOf(300, () => {}, 20)).toEqual(['the state of key 300 has 20 bytes']);
  expect(toldOf(300, () => {}, 65)).toEqual(['a wrapped key of 40 bytes in a state of 65']);
});
test.each([
  ['refcnt', 0],
  ['major_version', 4],
  ['minor_version', 1],
  ['cpflags', 1],
  ['key_os_version', 0],
  ['key_revision', 0],
  ['key_len', 129],
] as const)('its field %s', (field, value) => {
  const { size } = CryptoStateValue.fields[field];
  const put = (view: DataView, place: number): void =>
    size === 2 ? view.setUint16(place + at[field], value, true) : view.setUint32(place + at[field], value, true);
  expect(toldOf(300, put)).toHaveLength(1);
});
test.each(['major_version', 'key_revision', 'persistent_class'] as const)(
  '%s where software encryption has nothing',
  (field) => {
    const put = (view: DataView, place: number): void => view.setUint8(place + at[field], 1);
    expect(toldOf(4, put, CryptoStateValue.size)).toEqual([`of key 4, ${field} is 1, where 0 belongs`]);
  },
);

test('records of hashes of data', () => {
  const view = new DataView(new ArrayBuffer(100));
  const record = (valueLength: number) => ({ view, keyAt: 0, keyLength: 16, valueAt: 20, valueLength });
  view.setUint8(15, 1);
  view.setUint16(20 + FileHashValue.at.hashed_len, 4, true);
  view.setUint8(20 + FileHashValue.at.hash_size, 32);
  expect(hashProblem(record(35))).toBe(null);
  expect(hashProblem(record(36))).toBe('a hash of 32 bytes in 36');
  expect(hashProblem(record(2))).toBe('a hash in 2 bytes');
  view.setUint8(20 + FileHashValue.at.hash_size, 31);
  expect(hashProblem(record(34))).toBe('a hash of 31 bytes in 34');
  view.setUint8(20 + FileHashValue.at.hash_size, 32);
  view.setUint16(20 + FileHashValue.at.hashed_len, 0, true);
  expect(hashProblem(record(35))).toBe('a hash of nothing');
  view.setUint8(15, 2);
  expect(hashProblem(record(35))).toBe('what is told of data in kind 2');
});
