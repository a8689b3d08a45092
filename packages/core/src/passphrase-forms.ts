// A passphrase may have been typed on a keyboard, and stored by a system, that spells the same characters by other code
// points: é as one, or as e and an accent. Whoever opens an image tries what was typed, then the other spellings.
//
// Invariant: no string holds more than one character of a passphrase (with its accents), and no copy of the whole stays
// unwiped. JavaScript normalises strings only, and a string cannot be wiped; single characters tell nothing.

const FORMS = ['NFC', 'NFD'] as const;
const MARK = /^\p{M}$/u;
/** Letters that join with what stands before them, though they are no marks: jamo, and vowels of Kirat Rai. */
const JOINING = [
  [0x1160, 0x11ff],
  [0x1_6d63, 0x1_6d6a],
] as const;

/**
 * Gives `passphrase` to `attempt` as it is, then in normal forms C and D where they are other bytes, until one answers
 * something else than null. Bytes that are no UTF-8 are tried as they are only. The forms are wiped.
 */
export function inEachForm<T>(passphrase: Uint8Array, attempt: (form: Uint8Array) => T | null): T | null {
  const first = attempt(passphrase);
  if (first !== null || passphrase.every((byte) => byte < 0x80)) return first;
  const codePoints = decode(passphrase);
  if (!codePoints) return null;
  const tried = [passphrase];
  try {
    for (const form of FORMS) {
      const bytes = normalise(codePoints, form);
      const isNew = tried.every((other) => Buffer.compare(other, bytes) !== 0);
      tried.push(bytes);
      const answer = isNew ? attempt(bytes) : null;
      if (answer !== null) return answer;
    }
    return null;
  } finally {
    codePoints.fill(0);
    for (const bytes of tried.slice(1)) bytes.fill(0);
  }
}

/** Null if it is no UTF-8: overlong, cut off, a surrogate, or too large. */
function decode(bytes: Uint8Array): Uint32Array | null {
  const codePoints = new Uint32Array(bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; count += 1) {
    const lead = bytes[at] as number;
    const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    let value = length === 1 ? lead : lead & (0x7f >> length);
    for (let i = 1; i < length; i += 1) {
      const next = bytes[at + i] ?? 0;
      value = (next & 0xc0) === 0x80 ? value * 64 + (next & 0x3f) : Number.NaN;
    }
    const least = [0, 0, 0x80, 0x800, 0x1_0000][length] as number;
    const isScalar = length > 0 && value >= least && value <= 0x10_ffff && !(value >= 0xd800 && value < 0xe000);
    if (!isScalar) {
      codePoints.fill(0);
      return null;
    }
    codePoints[count] = value;
    at += length;
  }
  return codePoints.subarray(0, count);
}

/** One character after another: a code point, and those behind it that may join with it. */
function normalise(codePoints: Uint32Array, form: (typeof FORMS)[number]): Uint8Array {
  // No code point becomes more than four; each is four bytes at the most.
  const target = Buffer.alloc(codePoints.length * 16);
  let length = 0;
  for (let at = 0; at < codePoints.length; ) {
    let end = at + 1;
    while (end < codePoints.length && joins(codePoints[end] as number)) end += 1;
    length += target.write(String.fromCodePoint(...codePoints.subarray(at, end)).normalize(form), length, 'utf8');
    at = end;
  }
  return target.subarray(0, length);
}

function joins(codePoint: number): boolean {
  if (codePoint < 0x300) return false;
  if (JOINING.some(([first, last]) => codePoint >= first && codePoint <= last)) return true;
  return MARK.test(String.fromCodePoint(codePoint));
}
