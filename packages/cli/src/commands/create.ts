import { type SummaryEvent, UsageError } from '@tintype/engine/run';
import { DEFAULT_ENCRYPTION } from '@tintype/engine/thresholds';
import { flag, text } from '../arguments.js';
import type { CommandBody, Parsed } from '../command.js';
import { requireFitting } from '../fitting-options.js';
import { locking } from '../locking.js';
import { printable } from '../output/printable.js';
import { parseSize, showSize } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';

const FORMATS = ['sparsebundle', 'sparseimage', 'asif', 'udrw', 'udro', 'udzo', 'udbz', 'ulfo', 'ulmo'];
const FILE_SYSTEMS = ['apfs', 'hfs+'];
const ENCRYPTIONS = ['none', 'aes-128', 'aes-256'];

/** Options of everything that makes an image. @throws UsageError, UnsupportedError */
export function makingOptions(parsed: Parsed) {
  const one = (name: string, known: readonly string[]) => {
    const value = text(parsed, name);
    if (value !== undefined && !known.includes(value))
      throw new UsageError(`--${name} ${value}: known are ${known.join(', ')}`);
    return value;
  };
  const bandSize = sizeOption(parsed, 'band-size');
  return {
    format: one('format', FORMATS),
    fs: one('fs', FILE_SYSTEMS),
    encryption: one('encryption', ENCRYPTIONS),
    caseSensitive: flag(parsed, 'case-sensitive'),
    volumeName: text(parsed, 'volume-name'),
    size: sizeOption(parsed, 'size'),
    bandSize: bandSize === undefined ? undefined : requireBandSize(bandSize),
    kdfRounds: kdfRounds(parsed),
  };
}

/** @throws UsageError */
export function kdfRounds(parsed: Parsed): number | undefined {
  const value = text(parsed, 'kdf-rounds');
  if (value === undefined) return undefined;
  const rounds = /^\d{1,8}$/.test(value) ? Number(value) : 0;
  if (rounds < 1000 || rounds > 50_000_000) throw new UsageError(`--kdf-rounds ${value}: give 1000 to 50000000`);
  return rounds;
}

/** Bytes; undefined if the option was not given. @throws UsageError */
export function sizeOption(parsed: Parsed, name: string): number | undefined {
  const value = text(parsed, name);
  return value === undefined ? undefined : parseSize(value);
}

function requireBandSize(bytes: number): number {
  if (bytes < 1 << 20 || bytes > 8 * 2 ** 30 || bytes % 4096 !== 0)
    throw new UsageError('a band has 1m to 8g, in multiples of 4096 bytes');
  return bytes;
}

export const run: CommandBody = async (parsed, io) => {
  const [image = ''] = parsed.operands;
  const made = makingOptions(parsed);
  await requireFitting(parsed, { path: image, dmg: 'udrw' });
  const hasPassphrase = ['passphrase-file', 'passphrase-fd', 'stdinpass'].some(
    (name) => parsed.values[name] !== undefined,
  );
  const options = {
    image,
    ...made,
    encryption: made.encryption ?? (hasPassphrase ? DEFAULT_ENCRYPTION : undefined),
    layout: text(parsed, 'layout'),
    preallocate: flag(parsed, 'preallocate'),
    overwrite: flag(parsed, 'overwrite'),
    ...locking(parsed),
  };
  const isEncrypted = options.encryption !== undefined && options.encryption !== 'none';
  const needs = { making: isEncrypted ? image : undefined };
  return runUnlocked('create', options, { parsed, io, needs }, { summary: summaryText });
};

function summaryText(summary: SummaryEvent): string {
  return `${printable(String(summary.image))}: ${String(summary.format)}, ${showSize(Number(summary.size))}`;
}
