import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { decodeLzfse, decodeLzvn, openDecmpfs } from './index.js';

const folder = fileURLToPath(new URL('../../../../shared/fixtures/decmpfs/', import.meta.url));
const present = existsSync(folder) || process.env.CI === 'true';
const fixture = (name: string) => readFileSync(folder + name);

function attribute(type: number, size: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const head = Buffer.alloc(16);
  head.write('fpmc', 'latin1');
  head.writeUInt32LE(type, 4);
  head.writeUInt32LE(size, 8);
  return Buffer.concat([head, payload]);
}

function decode(type: number, size: number, payload: Uint8Array, fork: Uint8Array): Buffer {
  const file = openDecmpfs({
    attribute: attribute(type, size, payload),
    forkSize: fork.length,
    readFork: (position, target) => {
      const part = fork.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
  });
  const clear = Buffer.alloc(size);
  expect(file.read(0, clear)).toBe(size);
  return clear;
}

const none = new Uint8Array(0);
const inFork = [
  [4, 'real_zlib_rsrc.rsrc', 'zlib.expected'],
  [8, 'lzvn.rsrc', 'lzvn.expected'],
  [8, 'tahoe_type8.rsrc', 'tahoe_type8.expected'],
  [12, 'real_lzfse_rsrc.rsrc', 'zlib.expected'],
] as const;
const inline = [
  [3, 'real_zlib_inline.payload', 'real_zlib_inline.expected'],
  [3, 'zlib_type3_stored.payload', 'zlib_inline.expected'],
  [11, 'real_lzfse_inline.payload', 'real_zlib_inline.expected'],
] as const;

test.skipIf(!present).each(inFork)(
  'type %i, %s: the resource fork made by macOS gives the clear bytes',
  (type, name, expected) => {
    const clear = fixture(expected);
    expect(decode(type, clear.length, none, fixture(name)).equals(clear)).toBe(true);
  },
);

test.skipIf(!present).each(inline)('type %i, %s: the attribute gives the clear bytes', (type, name, expected) => {
  const clear = fixture(expected);
  expect(decode(type, clear.length, fixture(name), none).equals(clear)).toBe(true);
});

test('vectors of the format page', () => {
  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
  const lzvn = new Uint8Array(21);
  decodeLzvn(hex('c803616263fde1630600000000000000'), lzvn);
  expect(Buffer.from(lzvn).toString()).toBe('abcabcabcabcabcabcabc');
  const lzfse = new Uint8Array(21);
  decodeLzfse(hex('6276786e 15000000 10000000 c803616263fde163 0600000000000000 62767824'), lzfse);
  expect(Buffer.from(lzfse).toString()).toBe('abcabcabcabcabcabcabc');
});

test('damaged payloads give a CorruptError, never more', () => {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 8;
  };
  const stream = Buffer.from(
    '6276786e150000001000000 0c803616263fde163060000000000000062767824'.replaceAll(' ', ''),
    'hex',
  );
  for (let round = 0; round < 3000; round += 1) {
    const damaged = Buffer.from(stream);
    for (let i = 0; i < 3; i += 1) damaged[random() % damaged.length] = random() & 255;
    try {
      decodeLzfse(damaged, new Uint8Array(21));
    } catch (error) {
      expect((error as Error).name).toBe('CorruptError');
    }
  }
});
