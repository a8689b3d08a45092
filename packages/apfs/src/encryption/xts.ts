// AES-XTS in data units of 512 bytes, as everything of an encrypted volume is kept. Source: IEEE 1619; images of macOS.
//
// One cipher object for each unit (Node's own `aes-128-xts`) costs several microseconds, and it refuses to encrypt with two
// equal halves, which key bags have. So the tweaks of all units are encrypted in one call, and the data in another; the test
// compares the two ways.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from '@tintype/core';

const UNIT = 512;
const WORDS = UNIT / 4;
/** What a carry out of the highest bit adds. */
const REDUCTION = 0x87;

export class Xts {
  readonly #tweakCipher: ReturnType<typeof createCipheriv>;
  readonly #decipher: ReturnType<typeof createDecipheriv>;
  readonly #cipher: ReturnType<typeof createCipheriv>;

  /** `key`: data key and tweak key of equal length, 32 bytes together for AES-128. */
  constructor(key: Uint8Array) {
    const half = key.length / 2;
    assert(half === 16 || half === 32, 'an XTS key is two AES keys');
    const mode = `aes-${half * 8}-ecb`;
    this.#tweakCipher = createCipheriv(mode, key.subarray(half), null).setAutoPadding(false);
    this.#cipher = createCipheriv(mode, key.subarray(0, half), null).setAutoPadding(false);
    this.#decipher = createDecipheriv(mode, key.subarray(0, half), null).setAutoPadding(false);
  }

  /** In place. `bytes` are whole units, the first of number `unit`. */
  decrypt(bytes: Uint8Array, unit: number): void {
    this.#apply(bytes, unit, (data) => this.#decipher.update(data));
  }
  encrypt(bytes: Uint8Array, unit: number): void {
    this.#apply(bytes, unit, (data) => this.#cipher.update(data));
  }

  #apply(bytes: Uint8Array, unit: number, cipher: (data: Uint8Array) => Uint8Array): void {
    assert(bytes.length % UNIT === 0, 'only whole units are encrypted');
    const masks = this.#masks(bytes.length / UNIT, unit);
    mask(bytes, masks);
    bytes.set(cipher(bytes));
    mask(bytes, masks);
  }

  /** What every 16 bytes are masked with: the encrypted number of the unit, doubled from block to block. */
  #masks(count: number, first: number): Uint32Array {
    const numbers = new DataView(new ArrayBuffer(count * 16));
    for (let i = 0; i < count; i += 1) {
      numbers.setUint32(i * 16, (first + i) >>> 0, true);
      numbers.setUint32(i * 16 + 4, Math.floor((first + i) / 0x1_0000_0000), true);
    }
    const tweaks = this.#tweakCipher.update(new Uint8Array(numbers.buffer));
    const view = new DataView(tweaks.buffer, tweaks.byteOffset, tweaks.length);
    const masks = new Uint32Array(count * WORDS);
    for (let i = 0; i < count; i += 1) {
      let a = view.getUint32(i * 16, true);
      let b = view.getUint32(i * 16 + 4, true);
      let c = view.getUint32(i * 16 + 8, true);
      let d = view.getUint32(i * 16 + 12, true);
      for (let at = i * WORDS; at < (i + 1) * WORDS; at += 4) {
        masks[at] = a;
        masks[at + 1] = b;
        masks[at + 2] = c;
        masks[at + 3] = d;
        const carry = d >>> 31;
        d = (d << 1) | (c >>> 31);
        c = (c << 1) | (b >>> 31);
        b = (b << 1) | (a >>> 31);
        a = (a << 1) ^ (carry * REDUCTION);
      }
    }
    return masks;
  }
}

/** Machines that Node runs on are little endian, as the masks are. */
function mask(bytes: Uint8Array, masks: Uint32Array): void {
  if (bytes.byteOffset % 4 === 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, masks.length);
    for (let i = 0; i < words.length; i += 1) words[i] = (words[i] as number) ^ (masks[i] as number);
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < masks.length; i += 1)
    view.setUint32(4 * i, view.getUint32(4 * i, true) ^ (masks[i] as number), true);
}
