import { CorruptError } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { decodeLzvn } from './lzvn.js';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const END = '06 00 00 00 00 00 00 00';

function decode(text: string, size: number): string {
  const target = new Uint8Array(size);
  const end = decodeLzvn(hex(text), target);
  return Buffer.from(target.subarray(0, end)).toString('latin1');
}

describe('vectors made with the lzfse tool', () => {
  test('small distance, small match, one literal', () => {
    expect(decode(`c8 03 616263 fd e1 63 ${END}`, 21)).toBe('abcabcabcabcabcabcabc');
  });
  test('a hundred zeros', () => {
    expect(decode(`68 01 00 f0 49 e2 00 00 ${END}`, 100)).toBe('\0'.repeat(100));
  });
});

test('what follows the end mark, or a full target, is ignored', () => {
  expect(decode(`e3 616263 ${END} ffffff`, 3)).toBe('abc');
  expect(decode('e3 616263 70 70', 3)).toBe('abc');
  expect(decode(`e3 616263 ${END}`, 10)).toBe('abc');
});

test('no operation is one byte', () => {
  expect(decode(`0e 16 e1 61 0e ${END}`, 1)).toBe('a');
});

test('a target in the middle: matches reach back to the beginning of it all', () => {
  const target = Buffer.from('abcd....');
  expect(decodeLzvn(hex(`08 04 f1 ${END}`), target, 4, 8)).toBe(8);
  expect(target.toString()).toBe('abcdabcd');
});

describe('refused', () => {
  const undefinedOpcodes = [0x1e, 0x26, 0x2e, 0x36, 0x3e]
    .concat(Array.from({ length: 16 }, (_, i) => 0x70 + i))
    .concat(Array.from({ length: 16 }, (_, i) => 0xd0 + i));
  test.each(undefinedOpcodes.map((byte) => byte.toString(16)))('opcode %s', (byte) => {
    expect(() => decode(`e8 6162636465666768 ${byte} 01 01 01 01 01`, 100)).toThrow(CorruptError);
  });
  test.each([
    ['nothing', ''],
    ['an opcode that is cut off', 'e3 616263 a0 01'],
    ['a length that is cut off', 'e3 616263 f0'],
    ['literals that are cut off', 'e3 6162'],
    ['no end mark', 'e3 616263'],
    ['a match before any distance', `e3 616263 f3 ${END}`],
    ['a distance of 0', `e3 616263 00 00 ${END}`],
    ['a distance before the beginning', `e3 616263 00 04 ${END}`],
    ['a match behind the end of the target', `e3 616263 08 03 ff ff ${END}`],
    ['literals behind the end of the target', `e0 00 ${'61'.repeat(16)} ${END}`],
  ])('%s', (_what, text) => {
    expect(() => decode(text, 10)).toThrow(CorruptError);
  });
});

/** A random stream of valid opcodes of every form, and what it must give: an encoder that only makes up its input. */
class RandomStream {
  readonly stream: number[] = [];
  readonly clear: number[] = [];
  #distance = 0;
  readonly #random: Random;

  constructor(random: Random, opcodes: number) {
    this.#random = random;
    this.#literals(8);
    for (let i = 0; i < opcodes; i += 1) this.#opcode();
    this.stream.push(0x06, 0, 0, 0, 0, 0, 0, 0);
  }

  #opcode(): void {
    const random = this.#random;
    const near = (limit: number) => random.between(1, Math.min(limit, this.clear.length));
    const literals = random.below(4);
    const shortest = random.between(3, 10 - 2 * literals);
    switch (random.below(8)) {
      case 0: {
        const distance = near(1535);
        this.stream.push((literals << 6) | ((shortest - 3) << 3) | (distance >> 8), distance & 255);
        this.#pieces(literals, shortest, distance);
        break;
      }
      case 1: {
        const [match, distance] = [random.between(3, 34), near(16_383)];
        const word = ((match - 3) & 3) | (distance << 2);
        this.stream.push(0xa0 | (literals << 3) | ((match - 3) >> 2), word & 255, word >> 8);
        this.#pieces(literals, match, distance);
        break;
      }
      case 2: {
        const distance = near(65_535);
        this.stream.push((literals << 6) | ((shortest - 3) << 3) | 7, distance & 255, distance >> 8);
        this.#pieces(literals, shortest, distance);
        break;
      }
      case 3:
        if (literals === 0 || this.#distance === 0) break;
        this.stream.push((literals << 6) | ((shortest - 3) << 3) | 6);
        this.#pieces(literals, shortest, this.#distance);
        break;
      case 4:
        this.#literals(random.between(1, 15));
        break;
      case 5:
        this.#literals(random.between(16, 271));
        break;
      default: {
        if (this.#distance === 0) break;
        const match = random.between(1, 271);
        if (match < 16) this.stream.push(0xf0 | match);
        else this.stream.push(0xf0, match - 16);
        this.#pieces(0, match, this.#distance);
      }
    }
  }

  #literals(count: number): void {
    if (count < 16) this.stream.push(0xe0 | count);
    else this.stream.push(0xe0, count - 16);
    this.#pieces(count, 0, this.#distance);
  }

  #pieces(literals: number, match: number, distance: number): void {
    for (const byte of this.#random.bytes(literals)) {
      this.stream.push(byte);
      this.clear.push(byte);
    }
    for (let i = 0; i < match; i += 1) this.clear.push(this.clear[this.clear.length - distance] as number);
    this.#distance = distance;
  }
}

test('every form of opcode, at random', () => {
  const random = new Random(20);
  for (let round = 0; round < 300; round += 1) {
    const { stream, clear } = new RandomStream(random, random.between(1, 400));
    const target = new Uint8Array(clear.length);
    expect(decodeLzvn(Uint8Array.from(stream), target)).toBe(clear.length);
    expect(Buffer.compare(target, Uint8Array.from(clear))).toBe(0);
  }
});

test('a stream that is cut anywhere is refused', () => {
  const { stream, clear } = new RandomStream(new Random(3), 60);
  const bytes = Uint8Array.from(stream);
  for (let length = 0; length < bytes.length - 8; length += 1)
    expect(() => decodeLzvn(bytes.subarray(0, length), new Uint8Array(clear.length))).toThrow(CorruptError);
});
