// Names on APFS: when two are the same, and their hash in directory keys. Source: Apple File System Reference; the kernel's
// published Unicode functions; hashes on images made by macOS. See docs/formats/apfs.md.

/** Longest name in bytes of UTF-8. */
export const NAME_LIMIT = 255;

const ASCII = /^[\u0001-\u007f]*$/;
const HASH_MASK = 0x3f_ffff;
const CASTAGNOLI = 0x82f6_3b78;

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) !== 0 ? (value >>> 1) ^ CASTAGNOLI : value >>> 1;
  return value;
});

/** Decomposed, and folded if the volume ignores case: equal forms are equal names. */
export function canonical(name: string, names: 'folded' | 'exact'): string {
  if (ASCII.test(name)) return names === 'folded' ? name.toLowerCase() : name;
  const decomposed = name.normalize('NFD');
  if (names === 'exact') return decomposed;
  let folded = '';
  for (const character of decomposed) folded += fold(character);
  return folded;
}

/** Full case folding of one code point; exact for all that Unicode 14 assigns. */
function fold(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return character.toLowerCase();
  if (code === 0x131) return character;
  if (code === 0x1e9e) return 'ss';
  if (code >= 0x13a0 && code <= 0x13f5) return character;
  if (code >= 0x13f8 && code <= 0x13fd) return String.fromCodePoint(code - 8);
  if (code >= 0xab70 && code <= 0xabbf) return String.fromCodePoint(code - 0x97d0);
  return character.toUpperCase().toLowerCase();
}

/** The 22 bits that stand in the key of a directory record, of a canonical name. */
export function nameHash(canonicalName: string): number {
  let crc = 0xffff_ffff;
  for (let i = 0; i < canonicalName.length; i += 1) {
    let code = canonicalName.charCodeAt(i);
    if (code >= 0xd800 && code < 0xdc00) {
      code = canonicalName.codePointAt(i) ?? 0;
      if (code > 0xffff) i += 1;
    }
    for (let byte = 0; byte < 4; byte += 1) {
      crc = (crc >>> 8) ^ (table[(crc ^ code) & 0xff] as number);
      code >>>= 8;
    }
  }
  return crc & HASH_MASK;
}

/** True if a volume can hold the name. */
export function isStorable(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || name.includes('\0') || name.includes('/')) return false;
  return name.isWellFormed() && Buffer.byteLength(name) <= NAME_LIMIT;
}
