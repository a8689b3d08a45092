// JSON as it is printed: names in it can neither steer a terminal nor mislead the eye.

// What JSON.stringify leaves as it is, though text for people shows it as `\xHH` or `\u{…}`.
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** One line of JSON, in which every control character and direction override is escaped. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
