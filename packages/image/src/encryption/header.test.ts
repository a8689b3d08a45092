import { CorruptError, TintypeError, UnsupportedError } from '@tintype/core';
import { count, fixtureBytes, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { KDF_ROUNDS_LIMIT } from '../limits.js';
import { newEncryption } from './create.js';
import { fileOf, isMissing } from './encrypted.testing.js';
import { readEncryptionHeader } from './header.js';
import { Cdsaencr, Encrcdsa, KeyEntry, PassphraseBlob } from './structs.js';
import { unlock } from './unlock.js';

const random = new Random(3);
const passphrase = Buffer.from('x');

function made(): Buffer {
  const options = { keyBits: 256, passphrase, rounds: 2, random: (target: Uint8Array) => random.fill(target) } as const;
  return Buffer.from(newEncryption(options, 1024).header);
}

test.skipIf(isMissing).each([
  ['raw-aes128-v2.dmg', 2, 128, 4096, 65_536, 122_880, 1000],
  ['udif-aes256-v2.dmg', 2, 256, 512, 13_654, 122_368, 232_558],
  ['raw-aes128-v1.dmg', 1, 128, 4096, 65_536, 0, 1000],
  ['bundle-aes128-v1.sparsebundle/token', 1, 128, 4096, 0, 0, 1000],
  ['bundle-five-bands.sparsebundle/token', 2, 128, 512, 0, 122_368, 192_307],
])('%s', (name, version, keyBits, chunkSize, clearSize, dataOffset, iterations) => {
  const header = readEncryptionHeader(fileOf(fixtureBytes(`encrypted/${name}`)));
  expect(header).toMatchObject({ version, keyBits, chunkSize, clearSize, dataOffset, iterations });
});

test('a new header is what macOS writes: one key at 96, zeros up to the data', () => {
  const header = made();
  expect(readEncryptionHeader(fileOf(header))).toMatchObject({ keys: [{ type: 1, offset: 96, size: 616 }] });
  expect(header.length).toBe(122_368);
  expect(header.subarray(264).every((byte) => byte === 0)).toBe(true);
});

test('what is not encrypted is null', () => {
  for (const length of [0, 7, 75, 3000]) expect(readEncryptionHeader(fileOf(random.bytes(length)))).toBeNull();
});

const u32 = (at: number, value: number) => (bytes: Buffer) => bytes.writeUInt32BE(value, at);
const entry = Encrcdsa.size;
const blob = 96;
test.each([
  ['another version', u32(Encrcdsa.at.version, 3), UnsupportedError],
  ['another cipher', u32(Encrcdsa.at.blockAlgorithm, 1), UnsupportedError],
  ['keys of 192 bits', u32(Encrcdsa.at.keyBits, 192), UnsupportedError],
  ['no chunk', u32(Encrcdsa.at.chunkSize, 0), CorruptError],
  ['an odd chunk', u32(Encrcdsa.at.chunkSize, 513), CorruptError],
  ['a huge chunk', u32(Encrcdsa.at.chunkSize, 1 << 24), CorruptError],
  ['data behind the end', u32(Encrcdsa.at.dataOffset, 1), CorruptError],
  ['no keys', u32(Encrcdsa.at.keyCount, 0), CorruptError],
  ['too many keys', u32(Encrcdsa.at.keyCount, 65), CorruptError],
  ['a key outside', u32(entry + KeyEntry.at.offset + 4, 122_000), CorruptError],
  ['a key at 2^53', u32(entry + KeyEntry.at.offset, 0x200_0000), CorruptError],
  ['a key over the header', u32(entry + KeyEntry.at.offset + 4, 20), CorruptError],
  ['a key that is too short', u32(entry + KeyEntry.at.size + 4, 600), CorruptError],
  ['no rounds', u32(blob + PassphraseBlob.at.iterations, 0), CorruptError],
  ['rounds without end', u32(blob + PassphraseBlob.at.iterations, KDF_ROUNDS_LIMIT + 1), CorruptError],
  ['another derivation', u32(blob + PassphraseBlob.at.kdfAlgorithm, 104), UnsupportedError],
  ['a long salt', u32(blob + PassphraseBlob.at.saltLength, 33), CorruptError],
  ['a short vector', u32(blob + PassphraseBlob.at.ivLength, 0), CorruptError],
  ['a long blob', u32(blob + PassphraseBlob.at.blobLength, 520), CorruptError],
  ['a blob of odd length', u32(blob + PassphraseBlob.at.blobLength, 47), CorruptError],
])('refused: %s', (_what, damage, type) => {
  const header = made();
  damage(header);
  expect(() => {
    const read = readEncryptionHeader(fileOf(header));
    if (read) unlock(read, passphrase, 'x');
  }).toThrow(type);
});

/** Damage that a rule must stop before much work or memory is spent; few rounds are left as they are. */
function fuzz(bytes: Buffer, at: number, length: number, rounds: number): void {
  for (let round = 0; round < rounds; round += 1) {
    const damaged = Buffer.from(bytes);
    for (let i = random.between(1, 3); i > 0; i -= 1)
      damaged[at + random.below(length)] = random.pick([0, 1, 0xff, 0x7f, random.below(256)]);
    const file = fileOf(random.oneIn(5) ? damaged.subarray(0, random.below(damaged.length)) : damaged);
    try {
      const header = readEncryptionHeader(file);
      if (header && header.iterations < 5000) unlock(header, passphrase, 'x');
    } catch (error) {
      expect(error).toBeInstanceOf(TintypeError);
    }
  }
}

test('damaged headers of version 2', () => {
  fuzz(made(), 0, 220, count(400, 20_000));
});
test.skipIf(isMissing)('damaged trailers of version 1', () => {
  const bytes = Buffer.from(fixtureBytes('encrypted/raw-aes128-v1.dmg'));
  fuzz(bytes, bytes.length - Cdsaencr.size, Cdsaencr.size, count(300, 20_000));
});
