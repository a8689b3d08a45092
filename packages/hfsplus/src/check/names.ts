// Names of catalog records as the check sees them (hfsplus.md 4).

import { LEGACY_SEQUENCE, toStored } from '../names.js';
import { LIMITS } from './limits.js';

/** Why a counted name cannot name an item, or an empty string. */
export function nameProblem(view: DataView, nameAt: number): string {
  const units = view.getUint16(nameAt);
  if (units === 0) return 'the name is empty';
  if (units <= 2 && view.getUint16(nameAt + 2) === DOT && view.getUint16(nameAt + 2 * units) === DOT)
    return 'the name is that of a folder itself or of its parent';
  return '';
}

/** Why a counted name is not in the form that macOS stores and looks up, or an empty string. */
export function undecomposed(view: DataView, nameAt: number): string {
  const end = nameAt + 2 + 2 * view.getUint16(nameAt);
  let plain = true;
  for (let at = nameAt + 2; at < end && plain; at += 2) plain = view.getUint16(at) < FIRST_COMPOSED;
  if (plain) return '';
  const stored = unitsOf(view, nameAt, Number.POSITIVE_INFINITY);
  if (LEGACY_SEQUENCE.test(stored)) return 'the name is decomposed as before Mac OS X 10.2';
  return toStored(stored.replace(/[:/\0]/g, posix)) === stored ? '' : 'the name is not decomposed as macOS does it';
}

/** A counted name for messages: quoted, controls escaped, cut if long. */
export function shownName(view: DataView, nameAt: number): string {
  const name = JSON.stringify(unitsOf(view, nameAt, LIMITS.shownName).replace(/[:/]/g, posix));
  return view.getUint16(nameAt) > LIMITS.shownName ? `${name.slice(0, -1)}…"` : name;
}

const DOT = 0x2e;
/** No unit below this decomposes, or is a combining mark. */
const FIRST_COMPOSED = 0xc0;

function unitsOf(view: DataView, nameAt: number, limit: number): string {
  const units = Math.min(view.getUint16(nameAt), limit, Math.floor((view.byteLength - nameAt - 2) / 2));
  let name = '';
  for (let i = 0; i < units; i += 1) name += String.fromCharCode(view.getUint16(nameAt + 2 + 2 * i));
  return name;
}

/** The stored unit as POSIX shows it. */
function posix(unit: string): string {
  if (unit === ':') return '/';
  return unit === '/' ? ':' : '\u2400';
}
