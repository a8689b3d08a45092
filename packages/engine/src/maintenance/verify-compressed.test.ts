// Contents of files that macOS compressed: `verify --data` reads them as what they stand for, the check of the structure does not.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { apfs } from '@tintype/apfs';
import { type Finding, fletcher64, MemoryDevice, Progress, type WritableVolume } from '@tintype/core';
import { plainAttributes, Random, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { hostContext } from '../host-context.js';
import { verify } from './verify.js';

const SIZE = 4 << 20;
const BLOCK = 4096;
const CONTENT = Buffer.alloc(5000, 'content ');
const HIDDEN = 0x8000;
const COMPRESSED = 0x20;
const UID = 501;
const GID = 20;

/** The value of com.apple.decmpfs: zlib, in the attribute itself. */
function decmpfs(state: 'sound' | 'damaged'): Buffer {
  const header = Buffer.alloc(16);
  header.write('fpmc');
  header.writeUInt32LE(3, 4);
  header.writeUInt32LE(CONTENT.length, 8);
  const stream = deflateSync(CONTENT);
  const at = stream.length - 8;
  if (state === 'damaged') stream[at] = (stream[at] ?? 0) ^ 0xff;
  return Buffer.concat([header, stream]);
}

/** The driver takes no flag of compression from anybody, so another one becomes it afterwards. */
function compressed(state: 'sound' | 'damaged'): Uint8Array {
  const device = new MemoryDevice(new Uint8Array(SIZE));
  const random = (target: Uint8Array): void => new Random(3).fill(target);
  const now = 1_700_000_000;
  apfs.format(device, { volumeName: 'V', caseSensitive: false, now, random, uid: UID, gid: GID });
  const fileSystem = apfs.open(device, { writable: true, now: () => now, random });
  const volume = fileSystem.volumes[0] as WritableVolume;
  const item = { ...plainAttributes, kind: 'file', size: 0, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const [file] = volume.create(volume.root.id, [{ ...item, name: 'file', uid: UID, gid: GID, flags: HIDDEN }]);
  volume.setXattr(file ?? 0, 'com.apple.decmpfs', decmpfs(state));
  fileSystem.close();
  const bytes = Buffer.alloc(SIZE);
  device.read(0, bytes);
  const flagsAndOwner = Buffer.from(Uint32Array.of(HIDDEN, UID, GID).buffer);
  const at = bytes.indexOf(flagsAndOwner);
  expect(at).toBeGreaterThan(0);
  bytes.writeUInt32LE(COMPRESSED, at);
  seal(bytes, Math.floor(at / BLOCK));
  return bytes;
}

function seal(bytes: Buffer, block: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + block * BLOCK, BLOCK);
  const { low, high } = fletcher64(view, 8, BLOCK - 8);
  view.setUint32(0, low, true);
  view.setUint32(4, high, true);
}

function findingsOf(bytes: Uint8Array, level: 'structure' | 'data'): Finding[] {
  return withFolder((folder) => {
    const image = path.join(folder, 'image.raw');
    writeFileSync(image, bytes);
    const events: EngineEvent[] = [];
    verify(
      { image, level },
      {
        ...hostContext(),
        progress: new Progress(),
        emit: (event) => events.push(event),
      },
    );
    return events.flatMap((event) => (event.type === 'result' ? [event.value as Finding] : []));
  });
}

test('a compressed file that is sound has no findings', () => {
  const bytes = compressed('sound');
  expect(findingsOf(bytes, 'structure')).toEqual([]);
  expect(findingsOf(bytes, 'data')).toEqual([]);
});

test('one that does not inflate is found where contents are read', () => {
  const bytes = compressed('damaged');
  expect(findingsOf(bytes, 'structure')).toEqual([]);
  expect(findingsOf(bytes, 'data')).toMatchObject([{ kind: 'corrupt', place: '/file' }]);
});
