import { expect, test } from 'vitest';
import { nameAt, nameFromBytes, nameToBytes } from './name-bytes.js';

test('valid UTF-8 is decoded as it is, a byte order mark included', () => {
  const bytes = Buffer.from('\ufeffé😀.txt');
  expect(nameFromBytes(bytes)).toBe('\ufeffé😀.txt');
  expect(Buffer.from(nameToBytes('\ufeffé😀.txt')).equals(bytes)).toBe(true);
});

test('every byte string comes back unchanged', () => {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 16;
  };
  for (let round = 0; round < 2000; round += 1) {
    const bytes = Uint8Array.from({ length: random() % 12 }, () => random() & 255);
    const name = nameFromBytes(bytes);
    expect([...nameToBytes(name)]).toEqual([...bytes]);
  }
});

test('the name at a place of a view is that of its bytes, however long', () => {
  for (const name of ['', 'a', '~\u007f', 'é', 'x'.repeat(255), 'y'.repeat(256), 'z'.repeat(257), 'a\udcff']) {
    const bytes = nameToBytes(name);
    const around = Uint8Array.from([0xc3, ...bytes, 0xa9]);
    expect(nameAt(new DataView(around.buffer, 1), 0, bytes.length)).toBe(nameFromBytes(bytes));
    expect(nameAt(new DataView(around.buffer), 1, bytes.length)).toBe(name);
  }
});

test('bytes that are not UTF-8 become U+DC80 and above', () => {
  expect(nameFromBytes(Uint8Array.of(0x61, 0xff, 0xc3, 0x28))).toBe('a\udcff\udcc3(');
});
