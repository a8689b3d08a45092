// Names as people see them: nothing in a file name may steer the terminal or mislead the eye.

// C0 and C1 controls, line and paragraph separators, direction overrides and isolates, byte order mark, lone surrogates.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/gu;
const LONE_LOW = 0xdc80;

/** Controls as `\xHH`, other unsafe characters as `\u{…}`, bytes that are not UTF-8 as `\xHH`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code >= LONE_LOW && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
