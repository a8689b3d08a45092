// The HFS+ driver: what this package offers to whoever holds a device.

import type {
  BlockDevice,
  CheckOptions,
  FileSystemDriver,
  Finding,
  FormatOptions,
  MountOptions,
  Probe,
} from '@tintype/core';
import { check } from './check/check.js';
import { openFileSystem } from './file-system.js';
import { format } from './format.js';
import { inspect } from './inspect.js';
import { Journal } from './journal.js';
import { readVolumeHeader } from './mounted.js';
import { SIGNATURE_HFSPLUS, SIGNATURE_HFSX, VOLUME_ATTRIBUTES } from './structs/volume-header.js';

class HfsPlusDriver implements FileSystemDriver {
  readonly kind = 'hfs+';

  probe(device: BlockDevice): Probe | null {
    if (!hasSignature(device)) return null;
    const fileSystem = openFileSystem(device, { writable: false, now: () => 0, random: () => {} });
    const header = readVolumeHeader(device);
    const volume = fileSystem.volume;
    const { name, uuid, traits } = volume;
    const { attributes, journalInfoBlock, lastMountedVersion, fileCount, folderCount } = header;
    const isJournaled = (attributes & VOLUME_ATTRIBUTES.journaled) !== 0 && journalInfoBlock !== 0;
    const hidden = volume.hiddenItems;
    return {
      kind: this.kind,
      volumes: [
        {
          name,
          uuid,
          caseSensitive: traits.caseSensitive,
          capacity: fileSystem.capacity,
          free: fileSystem.free,
          files: fileCount - hidden.files,
          directories: folderCount - hidden.folders,
          writer: fourCharacters(lastMountedVersion),
          dirty:
            (attributes & VOLUME_ATTRIBUTES.unmounted) === 0 ||
            (isJournaled && Journal.open(device, header)?.isEmpty === false),
        },
      ],
    };
  }
  format(device: BlockDevice, options: FormatOptions): void {
    format(device, options);
  }
  open(device: BlockDevice, options: MountOptions) {
    return openFileSystem(device, options);
  }
  check(device: BlockDevice, options: CheckOptions): Iterable<Finding> {
    return check(device, options);
  }
  recover(device: BlockDevice): boolean {
    const journal = Journal.open(device, readVolumeHeader(device));
    if (!journal || journal.isEmpty) return false;
    journal.replay(device);
    device.flush();
    journal.retire();
    device.flush();
    return true;
  }
  inspect(device: BlockDevice, place: string | null): Iterable<string> {
    return inspect(device, place);
  }
}

function hasSignature(device: BlockDevice): boolean {
  if (device.size < 4096) return false;
  for (const position of [1024, device.size - 1024]) {
    const bytes = new Uint8Array(2);
    device.read(position, bytes);
    const signature = ((bytes[0] as number) << 8) | (bytes[1] as number);
    if (signature === SIGNATURE_HFSPLUS || signature === SIGNATURE_HFSX) return true;
  }
  return false;
}

function fourCharacters(value: number): string {
  const text = Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map((byte) => byte & 255)).toString(
    'latin1',
  );
  return text.replace(/[^ -~]/g, '?');
}

export const hfsplus: FileSystemDriver = new HfsPlusDriver();
