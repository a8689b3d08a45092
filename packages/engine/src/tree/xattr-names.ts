// Names of extended attributes that a volume cannot hold because they are not UTF-8: kept as an attribute of ours, whose name
// says the original.

import { OWN_ATTRIBUTE_PREFIX } from './names.js';

/** What follows is the original name: `%25` for a percent sign, `%ff` for a byte, `%ud800` for half of a surrogate pair. */
const PREFIX = `${OWN_ATTRIBUTE_PREFIX}xattr.`;
const ESCAPE = /%u([0-9a-f]{4})|%([0-9a-f]{2})/g;
/** A byte that is not UTF-8 appears in names as this and the byte. */
const BYTES = 0xdc00;

/** The name under which an attribute with a name that is not well-formed is kept. */
export function escapedXattrName(name: string): string {
  return PREFIX + Array.from(name, escaped).join('');
}

function escaped(character: string): string {
  if (character === '%') return '%25';
  if (character.isWellFormed()) return character;
  const unit = character.charCodeAt(0);
  return unit >= BYTES + 0x80 && unit <= BYTES + 0xff ? `%${(unit - BYTES).toString(16)}` : `%u${unit.toString(16)}`;
}

/** The original name; null if the volume would have kept that, or it would be kept under another name than this. */
export function originalXattrName(stored: string): string | null {
  if (!stored.startsWith(PREFIX)) return null;
  const name = stored.slice(PREFIX.length).replace(ESCAPE, (_, unit?: string, byte?: string) => {
    const code = Number.parseInt(unit ?? byte ?? '', 16);
    return String.fromCharCode(unit === undefined && code >= 0x80 ? BYTES + code : code);
  });
  return !name.isWellFormed() && escapedXattrName(name) === stored ? name : null;
}
