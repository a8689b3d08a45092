// The containers on real files of this host, whose holes, lengths and late writes are not those of a model.

import { rmSync } from 'node:fs';
import path from 'node:path';
import type { BlockDevice } from '@tintype/core';
import { hostHolder, nodeFileStore } from '@tintype/host';
import { createImage, type DiskImage, openImage } from '@tintype/image';
import { blockDeviceContract } from '../contracts/block-device.js';
import { temporaryFolder } from '../fixtures.js';

const MiB = 1 << 20;
const SIZE = 24 * MiB + 512;
const holder = { ...hostHolder(), heartbeat: 0 };

/** The image's device; closing it closes the image. */
function wholeDevice(image: DiskImage): BlockDevice {
  return new Proxy(image.device, {
    get: (device, key) => {
      if (key === 'close') return () => image.close();
      const value: unknown = Reflect.get(device, key, device);
      return typeof value === 'function' ? value.bind(device) : value;
    },
  });
}

for (const [format, bandSize] of [
  ['sparsebundle', MiB],
  ['sparsebundle', 8 * MiB],
  ['sparseimage', MiB],
  ['asif', MiB],
] as const)
  for (const late of [false, true])
    blockDeviceContract(
      `a ${format} with bands of ${bandSize} bytes on this host${late ? ', written by a thread' : ''}`,
      () => {
        const folder = temporaryFolder();
        const file = path.join(folder, 'image');
        const store = late ? nodeFileStore({ confirm: () => {} }) : nodeFileStore();
        const made = createImage(store, file, { format, size: SIZE, bandSize, waitLock: 0, holder });
        const options = { writable: true, waitLock: 0, holder, allowTimeMachine: false };
        return {
          device: wholeDevice(made),
          reopen: () => wholeDevice(openImage(store, file, options)),
          dispose: () => rmSync(folder, { recursive: true }),
        };
      },
      { seams: [bandSize, 2 * bandSize, SIZE], knowsZeros: true, operations: 120, seeds: [1, 2] },
    );
