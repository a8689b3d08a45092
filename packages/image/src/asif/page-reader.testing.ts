// A second reader of ASIF, written from the page alone (docs/formats/images.md, section ASIF) and knowing nothing of the
// first: plain, slow, everything by BigInt, for tests to compare with.

/** The whole disk. Throws on anything that the page does not describe. */
export function readByThePage(file: Uint8Array): Buffer {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
  if (bytes.toString('latin1', 0, 4) !== 'shdw') throw new Error('no shdw');
  const blockSize = BigInt(bytes.readUInt16BE(68));
  const chunkSize = BigInt(bytes.readUInt32BE(64));
  const sectors = bytes.readBigUInt64BE(48);
  // N data chunks per group, groups per table, bytes that a table covers.
  const n = 4n * blockSize;
  const groups = chunkSize / (8n * (n + 1n));
  const covered = groups * n * chunkSize;
  const [a, b] = [Number(bytes.readBigUInt64BE(16)), Number(bytes.readBigUInt64BE(24))] as const;
  const directory = bytes.readBigUInt64BE(b) > bytes.readBigUInt64BE(a) ? b : a;
  const disk = Buffer.alloc(Number(sectors * blockSize));
  for (let x = 0n; x < sectors * blockSize; x += blockSize) {
    const table = bytes.readBigUInt64BE(directory + 8 + 8 * Number(x / covered));
    if (table === 0n) continue;
    const c = (x % covered) / chunkSize;
    const at = Number(table * chunkSize) + 8 * Number(c + c / n);
    const entry = bytes.readBigUInt64BE(at);
    const chunk = entry & ((1n << 55n) - 1n);
    const inside = x % chunkSize;
    const state = entry >> 62n;
    const isEmpty = state === 0n || state === 2n;
    if (isEmpty !== (chunk === 0n)) throw new Error(`entry ${entry}`);
    if (isEmpty) continue;
    if (state === 3n) {
      const bitmapAt = Number(table * chunkSize) + 8 * Number((c / n) * (n + 1n) + n);
      const bitmap = bytes.readBigUInt64BE(bitmapAt);
      const sector = ((c % n) * chunkSize + inside) / blockSize;
      const pair = ((bytes[Number(bitmap * chunkSize + sector / 4n)] as number) >> Number(2n * (sector % 4n))) & 3;
      if (pair > 1) throw new Error(`pair ${pair}`);
      if (pair === 0) continue;
    }
    const from = Number(chunk * chunkSize + inside);
    bytes.copy(disk, Number(x), from, from + Number(blockSize));
  }
  return disk;
}
