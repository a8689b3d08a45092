// The UUID that macOS shows for a volume: version 3 (MD5) over a name space of Apple's and the volume id in finderInfo.

import { createHash } from 'node:crypto';

const NAMESPACE = Buffer.from('b3e20f39f29211d697a400306543ecac', 'hex');

/** `finderInfo`: the 32 bytes of the volume header. */
export function volumeUuid(finderInfo: Uint8Array): string {
  const hash = createHash('md5').update(NAMESPACE).update(finderInfo.subarray(24, 32)).digest();
  hash[6] = ((hash[6] as number) & 0x0f) | 0x30;
  hash[8] = ((hash[8] as number) & 0x3f) | 0x80;
  const hex = hash.toString('hex').toUpperCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
