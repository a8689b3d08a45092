// A second reader of UDIF images in segments, written from the page alone (docs/formats/images.md) and sharing nothing with
// the first but Node's zlib: plain offsets, no structures. It takes no image that departs from the page.

import { crc32, inflateSync } from 'node:zlib';

/** The disk in the files of an image, in their order; chunks are zlib, raw or nothing. */
export function readPageUdif(files: readonly Buffer[]): Buffer {
  const fork: Buffer[] = [];
  let running = 0;
  let id: Buffer | null = null;
  for (const [i, file] of files.entries()) {
    const koly = file.subarray(file.length - 512);
    const length = Number(koly.readBigUInt64BE(32));
    id ??= koly.subarray(64, 80);
    const facts = [koly.toString('latin1', 0, 4), koly.readUInt32BE(4), koly.readUInt32BE(8), koly.readUInt32BE(12)];
    same(facts, ['koly', 4, 512, 1]);
    same([koly.readUInt32BE(56), koly.readUInt32BE(60)], [i + 1, files.length]);
    same([koly.subarray(64, 80).equals(id), koly.readBigUInt64BE(16)], [true, BigInt(running)]);
    const list = i === 0 ? file.length - 512 - length : 0;
    const places = [koly.readBigUInt64BE(24), koly.readBigUInt64BE(216), koly.readBigUInt64BE(224)];
    same(places, [0n, BigInt(i === 0 ? length : 0), BigInt(list)]);
    same([length + list + 512, koly.readUInt32BE(80), koly.readUInt32BE(84)], [file.length, 2, 32]);
    same([koly.readUInt32BE(88), koly.readUInt32BE(352)], [crc32(file.subarray(0, length)), 2]);
    fork.push(file.subarray(0, length));
    running += length;
  }
  const [first] = files as [Buffer];
  const koly = first.subarray(first.length - 512);
  const disk = Buffer.alloc(Number(koly.readBigUInt64BE(492)) * 512);
  const list = first.toString('utf8', Number(koly.readBigUInt64BE(216)), first.length - 512);
  const sums: Buffer[] = [];
  const [blkx = ''] = list.split('<key>plst</key>');
  for (const [, text = ''] of blkx.matchAll(/<data>([^<]*)<\/data>/g))
    sums.push(readTable(Buffer.from(text, 'base64'), Buffer.concat(fork), disk));
  same(koly.readUInt32BE(360), crc32(Buffer.concat(sums)));
  return disk;
}

/** Puts a table's chunks where they belong; answers its checksum. */
function readTable(mish: Buffer, fork: Buffer, disk: Buffer): Buffer {
  same(mish.toString('latin1', 0, 4), 'mish');
  const first = Number(mish.readBigUInt64BE(8));
  const clear: Buffer[] = [];
  let next = 0;
  for (let at = 204; at < mish.length; at += 40) {
    const [sector = 0, count = 0, offset = 0, length = 0] = [8, 16, 24, 32].map((field) =>
      Number(mish.readBigUInt64BE(at + field)),
    );
    same(sector, next);
    next += count;
    const type = mish.readUInt32BE(at);
    const stored = fork.subarray(offset, offset + length);
    if (type === 0xffff_ffff) same([at + 40, count], [mish.length, 0]);
    else if (type === 0) clear.push(Buffer.alloc(count * 512));
    else if (type !== 2) {
      same([type === 1 || type === 0x8000_0005], [true]);
      const bytes = type === 1 ? stored : inflateSync(stored);
      same(bytes.length, count * 512);
      clear.push(bytes);
      bytes.copy(disk, (first + sector) * 512);
    }
  }
  same([next, mish.readUInt32BE(72)], [Number(mish.readBigUInt64BE(16)), crc32(Buffer.concat(clear))]);
  return mish.subarray(72, 76);
}

function same(found: unknown, wanted: unknown): void {
  const text = (value: unknown) => JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each));
  if (text(found) !== text(wanted)) throw new Error(`${text(found)} is not ${text(wanted)}`);
}
