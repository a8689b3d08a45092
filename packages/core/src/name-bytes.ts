// Names of a host are bytes, names of a `Volume` are strings. Bytes that are not UTF-8 appear as U+DC80 + (byte - 0x80),
// so that every byte string has exactly one name and comes back unchanged.

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The name for these bytes of a host. */
export function nameFromBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return escapeInvalid(bytes);
  }
}

/** Nearly all names are ASCII, and no longer: these take a third of the time that the decoder takes. */
const ascii = Buffer.alloc(256);

/** The name of `length` bytes from offset `at`, as `nameFromBytes`. */
export function nameAt(view: DataView, at: number, length: number): string {
  if (length <= ascii.length) {
    let seen = 0;
    for (let i = 0; i < length; i += 1) {
      const byte = view.getUint8(at + i);
      ascii[i] = byte;
      seen |= byte;
    }
    if (seen < 0x80) return ascii.toString('latin1', 0, length);
  }
  return nameFromBytes(new Uint8Array(view.buffer, view.byteOffset + at, length));
}

/** The bytes of a name; U+DC80 … U+DCFF become the bytes 0x80 … 0xFF again, other lone surrogates U+FFFD. */
export function nameToBytes(name: string): Uint8Array {
  if (name.isWellFormed()) return Buffer.from(name, 'utf8');
  const parts: Uint8Array[] = [];
  for (const character of name) {
    const unit = character.charCodeAt(0);
    const isByte = character.length === 1 && unit >= 0xdc80 && unit <= 0xdcff;
    parts.push(isByte ? Uint8Array.of(unit - 0xdc00) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}

/** The path as node:fs takes it: as bytes where it holds escaped ones, which a string could not bring through. */
export function hostPath(path: string): string | Buffer {
  if (path.isWellFormed()) return path;
  const bytes = nameToBytes(path);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function escapeInvalid(bytes: Uint8Array): string {
  let name = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length > 0) name += strict.decode(bytes.subarray(at, at + length));
    else name += String.fromCharCode(0xdc00 + (bytes[at] as number));
    at += Math.max(1, length);
  }
  return name;
}

/** Bytes of the valid UTF-8 sequence that begins at `at`, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || at + length > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}
