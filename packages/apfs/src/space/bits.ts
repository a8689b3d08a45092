// Bitmaps of used blocks: bit i of byte i / 8 from the low end, set = used.

const COUNTS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest &= rest - 1) count += 1;
  return count;
});

export function isSet(bytes: Uint8Array, bit: number): boolean {
  return ((bytes[bit >>> 3] as number) & (1 << (bit & 7))) !== 0;
}

export function setBits(bytes: Uint8Array, first: number, count: number): void {
  for (let bit = first; bit < first + count; ) {
    if ((bit & 7) === 0 && bit + 8 <= first + count) {
      bytes[bit >>> 3] = 0xff;
      bit += 8;
    } else {
      bytes[bit >>> 3] = (bytes[bit >>> 3] as number) | (1 << (bit & 7));
      bit += 1;
    }
  }
}

export function clearBits(bytes: Uint8Array, first: number, count: number): void {
  for (let bit = first; bit < first + count; ) {
    if ((bit & 7) === 0 && bit + 8 <= first + count) {
      bytes[bit >>> 3] = 0;
      bit += 8;
    } else {
      bytes[bit >>> 3] = (bytes[bit >>> 3] as number) & ~(1 << (bit & 7));
      bit += 1;
    }
  }
}

export function countSet(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 1) sum += COUNTS[bytes[i] as number] as number;
  return sum;
}

/** How many bits from `bit` on, at most up to `end`, are as `bit` itself is. */
export function runLength(bytes: Uint8Array, bit: number, end: number): number {
  const set = isSet(bytes, bit);
  const whole = set ? 0xff : 0;
  let at = bit + 1;
  while (at < end) {
    if ((at & 7) === 0 && bytes[at >>> 3] === whole) at += 8;
    else if (isSet(bytes, at) === set) at += 1;
    else break;
  }
  return Math.min(at, end) - bit;
}

/** The first run of at least `least` clear bits in `[first, end)`, or -1. */
export function findClear(bytes: Uint8Array, first: number, end: number, least: number): number {
  for (let bit = first; bit < end; ) {
    if (isSet(bytes, bit)) {
      bit += runLength(bytes, bit, end);
      continue;
    }
    // No further than needed: a fresh chunk has 32,768 clear bits, and they are looked for once a file.
    const length = runLength(bytes, bit, Math.min(end, bit + least));
    if (length >= least) return bit;
    bit += length;
  }
  return -1;
}
