// Apple's checksum of journal headers, block lists and blocks. Source: Apple's public vfs_journal.c; values of real journals.

/** Start value for `addToChecksum`; the checksum is the complement of the last sum. */
export const CHECKSUM_START = 0;

export function addToChecksum(sum: number, bytes: Uint8Array): number {
  let value = sum;
  for (let i = 0; i < bytes.length; i += 1) value = (value << 8) ^ (value + (bytes[i] as number));
  return value;
}

export function journalChecksum(bytes: Uint8Array): number {
  return ~addToChecksum(CHECKSUM_START, bytes) >>> 0;
}
