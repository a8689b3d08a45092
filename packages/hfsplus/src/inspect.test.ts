import { CorruptError, MemoryDevice, UnsupportedError } from '@tintype/core';
import { count, Random, SparseDevice } from '@tintype/testkit';
import { describe, expect } from 'vitest';
import { sample, sampleTest as test } from './check/sample.testing.js';
import { hfsplus } from './driver.js';

function lines(bytes: Uint8Array, place: string | null): string {
  return [...hfsplus.inspect(new MemoryDevice(bytes), place)].join('\n');
}

const basic = () => sample('basic').bytes;

test('without a place: the list of places', () => {
  expect(lines(basic(), null)).toContain('catalog:N');
});

test.each([
  ['header', ['HFSPlusVolumeHeader at byte 0, 512 bytes', '+44 totalBlocks: 4086 ', '+64 nextCatalogID: 33 ']],
  ['alternate', ['HFSPlusVolumeHeader', 'totalBlocks: 4086']],
  ['catalog', ['BTHeaderRec', 'treeDepth: 2', 'rootNode: 3', 'leafRecords: 36']],
  ['catalog:0', ['kind: 1', 'rootNode: 3']],
  ['catalog:3', ['kind: 0', 'child node 2', 'child node 1']],
  ['catalog:2', ['HFSPlusCatalogFolder', 'key: parent 1, name', 'logicalSize: 0x27b3 ']],
  ['catalog:1', ['HFSPlusCatalogFile', '"compressed.txt"']],
  ['extents', ['BTHeaderRec', 'treeDepth: 0']],
  ['attributes', ['leafRecords: 16', 'freeNodes: 13']],
  [
    'attributes:1',
    ['HFSPlusAttrKey', '"com.example.big"', 'HFSPlusAttrForkData', 'startBlock: 1094', 'value: 66706d63'],
  ],
  ['block:0', ['000000000400  482b0004']],
])('%s', (place, texts) => {
  const text = lines(basic(), place);
  expect(texts.filter((expected) => !text.includes(expected))).toEqual([]);
});

test('journal', () => {
  const text = lines(sample('journaled').bytes, 'journal');
  expect(text).toContain('JournalInfoBlock');
  expect(text).toContain('sequenceNum: 1408615');
});

describe('refused', () => {
  test.each(['', 'nowhere', 'catalog:-1', 'catalog:x', 'catalog:1:2', 'header:1', 'block', 'block:4086', 'catalog:31'])(
    '%j',
    (place) => {
      expect(() => lines(basic(), place)).toThrow(UnsupportedError);
    },
  );
  test('the journal of a volume without one', () => {
    expect(() => lines(basic(), 'journal')).toThrow(UnsupportedError);
  });
  test('a volume whose header is no header: it is shown, nothing else is', () => {
    const bytes = basic();
    bytes.fill(0, 1024, 1536);
    expect(lines(bytes, 'header')).toContain('signature: 0');
    expect(() => lines(bytes, 'catalog')).toThrow(CorruptError);
    expect(() => lines(new Uint8Array(100), 'header')).toThrow(CorruptError);
  });
});

test('whatever the bytes, there is an answer or a CorruptError', () => {
  const sound = basic();
  const random = new Random(77);
  const places = ['header', 'alternate', 'journal', 'catalog', 'catalog:1', 'catalog:2', 'attributes:1', 'extents:0'];
  const volume = new SparseDevice(sound.length);
  volume.write(0, sound);
  const header = new DataView(sound.buffer, sound.byteOffset);
  const starts = [1024, ...[192 + 16, 272 + 16, 352 + 16].map((at) => header.getUint32(1024 + at) * 4096)];
  let answers = 0;
  for (let round = 0; round < count(600, 20_000); round += 1) {
    const device = volume.clone();
    for (let i = random.between(1, 8); i > 0; i -= 1)
      device.write(random.pick(starts) + random.below(random.pick([512, 16_384])), random.bytes(random.between(1, 4)));
    try {
      answers += [...hfsplus.inspect(device, random.pick(places))].length > 0 ? 1 : 0;
    } catch (error) {
      if (!(error instanceof UnsupportedError)) expect(error).toBeInstanceOf(CorruptError);
    }
  }
  expect(answers).toBeGreaterThan(100);
});
