// What every codec is tried with.

import { Random } from '@tintype/testkit';

/** A text with repeats near and far, of about `length` bytes. */
function text(random: Random, length: number): Uint8Array {
  const words = Array.from({ length: 300 }, () => Buffer.from(random.bytes(random.between(1, 9))).toString('hex'));
  const parts: string[] = [];
  for (let size = 0; size < length; size += (parts.at(-1) as string).length + 1) parts.push(random.pick(words));
  return Buffer.from(parts.join(' ')).subarray(0, length);
}

/** Zeros with a few bytes in them: what a disk's tables look like. */
function sparse(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length / 200; i += 1) bytes[random.below(length)] = random.below(256);
  return bytes;
}

/** Inputs by name: lengths around every limit that a codec of this package has. */
export function inputs(): [string, Uint8Array][] {
  const random = new Random(77);
  const short = [0, 1, 2, 3, 4, 5, 7, 8, 16, 127, 128, 129, 271, 272, 4095, 4096, 4097];
  return [
    ...short.map((length): [string, Uint8Array] => [`text of ${length}`, text(random, length)]),
    ...short.map((length): [string, Uint8Array] => [`noise of ${length}`, random.bytes(length)]),
    ['zeros', new Uint8Array(300_000)],
    ['one value', new Uint8Array(70_001).fill(0xe6)],
    ['text', text(random, 500_000)],
    ['sparse', sparse(random, 400_000)],
    ['noise', random.bytes(200_000)],
    ['text after noise', Buffer.concat([random.bytes(80_000), text(random, 90_000), random.bytes(70_000)])],
    ['far repeats', Buffer.concat(Array.from({ length: 4 }, () => new Random(5).bytes(66_000)))],
    ['two values', Uint8Array.from({ length: 60_000 }, () => random.below(2))],
  ];
}
