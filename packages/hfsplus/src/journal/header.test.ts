import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CorruptError, MemoryDevice } from '@tintype/core';
import { fixture, unpackFixture, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { Journal } from '../journal.js';
import { readVolumeHeader } from '../mounted.js';
import { JournalHeader, JournalHeaderBig, JournalInfoBlock } from '../structs/journal.js';
import { readBlockList } from './block-list.js';
import { journalChecksum } from './checksum.js';
import { journalHeaderBytes, journalInfo, readJournalHeader, unusedJournal } from './header.js';
import { Ring } from './ring.js';

const SIZE = 512 << 10;
const sample = { ...unusedJournal(SIZE, 41), start: 1024, end: 4096 };

function read(bytes: Uint8Array, size = SIZE) {
  return readJournalHeader(new MemoryDevice(bytes), 0, size);
}

/** The same header as a machine of the other byte order writes it. */
function bigEndian(state = sample): Uint8Array {
  const fields = JournalHeader.read(new DataView(journalHeaderBytes(state).buffer), 0);
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  JournalHeaderBig.write(view, 0, { ...fields, checksum: 0 });
  view.setUint32(JournalHeaderBig.at.checksum, journalChecksum(bytes.subarray(0, 44)));
  return bytes;
}

test('a header is read as it was written', () => {
  expect(read(journalHeaderBytes(sample))).toEqual(sample);
});

test('a header of the other byte order is read', () => {
  expect(read(bigEndian())).toEqual({ ...sample, little: false });
});

test('a header without checksum, as before 2003, is read', () => {
  const bytes = bigEndian();
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x4a48_4452);
  view.setUint32(JournalHeaderBig.at.checksum, 12345);
  expect(read(bytes)).toEqual({ ...sample, little: false });
});

test('the end of the ring is its beginning', () => {
  const { start, end } = read(journalHeaderBytes({ ...sample, start: SIZE, end: SIZE }));
  expect([start, end]).toEqual([512, 512]);
});

const { at } = JournalHeader;
test.each([
  ['no magic', at.magic, 0],
  ['no byte order', at.endian, 0x1234_5679],
  ['start in the header', at.start, 0],
  ['start behind the end', at.start, SIZE + 512],
  ['start inside a sector', at.start, 1000],
  ['end in the header', at.end, 256],
  ['end behind the end', at.end, 0xffff_ff00],
  ['end of 2^53 and more', at.end + 4, 0x7fff_ffff],
  ['another size', at.size, SIZE + 512],
  ['list headers of no bytes', at.blhdrSize, 0],
  ['list headers of a few bytes', at.blhdrSize, 48],
  ['list headers of uneven length', at.blhdrSize, 8200],
  ['list headers as large as the journal', at.blhdrSize, SIZE],
  ['list headers of 4 GiB', at.blhdrSize, 0xffff_fff0],
  ['no sector', at.jhdrSize, 0],
  ['a sector of 3 KiB', at.jhdrSize, 3072],
  ['a sector of 128 KiB', at.jhdrSize, 131_072],
])('refused: %s', (_what, offset, value) => {
  const bytes = journalHeaderBytes(sample);
  const view = new DataView(bytes.buffer);
  view.setUint32(offset, value, true);
  view.setUint32(at.checksum, 0);
  view.setUint32(at.checksum, journalChecksum(bytes.subarray(0, 44)), true);
  expect(() => read(bytes)).toThrow(CorruptError);
});

test('refused: a wrong checksum', () => {
  const bytes = journalHeaderBytes(sample);
  bytes[at.checksum] = (bytes[at.checksum] as number) ^ 1;
  expect(() => read(bytes)).toThrow(/journal_header.checksum/);
});

test('a new info block says that there is no header yet, and where it will be', () => {
  const bytes = journalInfo(12_288, SIZE);
  expect(bytes).toHaveLength(512);
  expect(JournalInfoBlock.read(new DataView(bytes.buffer), 0)).toMatchObject({ flags: 5, offset: 12_288, size: SIZE });
});

const bundle = fixture('sparse/bundle.zip');

/** The journal of a sparse bundle that Disk Utility made, with its volume around it. */
function realVolume(): Uint8Array {
  return withFolder((folder) => {
    unpackFixture('sparse/bundle.zip', folder);
    const root = path.join(folder, 'aj_bundle.sparsebundle');
    const plist = readFileSync(path.join(root, 'Info.plist'), 'utf8');
    const number = (key: string) => Number(new RegExp(`<key>${key}</key>\\s*<integer>(\\d+)`).exec(plist)?.[1]);
    const bytes = new Uint8Array(number('size'));
    for (const band of ['0', '2', '4'])
      bytes.set(readFileSync(path.join(root, 'bands', band)), Number.parseInt(band, 16) * number('band-size'));
    return bytes;
  });
}

test.skipIf(bundle.skip)(`the journal of a volume that macOS wrote ${bundle.reason}`, () => {
  const bytes = realVolume();
  const device = new MemoryDevice(bytes);
  const header = readVolumeHeader(device);
  expect(header).toMatchObject({ totalBlocks: 10_000, journalInfoBlock: 2 });
  expect(Journal.open(device, header)?.isEmpty).toBe(true);
  const state = readJournalHeader(device, 12_288, SIZE);
  expect(state).toEqual({
    start: 198_656,
    end: 198_656,
    size: SIZE,
    listHeaderSize: 8192,
    sector: 512,
    sequence: 14_356_997,
    little: true,
  });
  expect(new DataView(bytes.buffer).getUint32(12_288 + at.checksum, true)).toBe(0x0882_a54f);
  // Written again it is the same.
  expect(journalHeaderBytes(state).subarray(0, 48)).toEqual(bytes.subarray(12_288, 12_288 + 48));
  const ring = new Ring(device, { offset: 12_288, first: 512, size: SIZE });
  const limits = { length: 8704, volumeSize: device.size, journal: { offset: 12_288, size: SIZE } };
  expect(readBlockList(ring, 189_952, state, limits)).toEqual({
    length: 8704,
    sequence: 14_356_997,
    isFirst: true,
    blocks: [{ position: 1024, place: 189_952 + 8192, length: 512 }],
  });
});
