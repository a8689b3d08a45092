// The HFS+ driver: what this package offers to whoever holds a device.

import {
  type BlockDevice,
  type CheckOptions,
  CorruptError,
  type FileSystemDriver,
  type Finding,
  type FormatOptions,
  type MountOptions,
  OverlayDevice,
  type Probe,
  type RepairOptions,
  type SalvagedVolume,
  type SalvageOptions,
} from '@tintype/core';
import { check } from './check/check.js';
import { HfsFileSystem, openFileSystem } from './file-system.js';
import { format } from './format.js';
import { inspect } from './inspect.js';
import { Journal } from './journal.js';
import { readVolumeHeader } from './mounted.js';
import { repair } from './repair/repair.js';
import { salvage } from './salvage/salvage.js';
import { SIGNATURE_HFSPLUS, SIGNATURE_HFSX, VOLUME_ATTRIBUTES, VolumeHeader } from './structs/volume-header.js';

/** Of the volume header from the start of the volume, and of the alternate one from its end. */
const HEADER_AT = 1024;
const SMALLEST_DEVICE = 4096;
const VERSION_HFSPLUS = 4;
const VERSION_HFSX = 5;

class HfsPlusDriver implements FileSystemDriver {
  readonly kind = 'hfs+';

  probe(device: BlockDevice): Probe | null {
    if (!isHfsPlus(device)) return null;
    const header = readVolumeHeader(device);
    const journal = Journal.open(device, header);
    const current = replayed(device, journal);
    const { fileCount, folderCount } = readVolumeHeader(current);
    const fileSystem = new HfsFileSystem(current, null, { writable: false, now: () => 0, random: () => {} });
    const { name, uuid, traits, hiddenItems } = fileSystem.volume;
    return {
      kind: this.kind,
      volumes: [
        {
          name,
          uuid,
          caseSensitive: traits.caseSensitive,
          capacity: fileSystem.capacity,
          free: fileSystem.free,
          files: Math.max(0, fileCount - hiddenItems.files),
          directories: Math.max(0, folderCount - hiddenItems.folders),
          writer: fourCharacters(header.lastMountedVersion),
          dirty: (header.attributes & VOLUME_ATTRIBUTES.unmounted) === 0 || journal?.isEmpty === false,
          isEncrypted: false,
          snapshots: [],
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
  repair(device: BlockDevice, options: RepairOptions): readonly string[] {
    return repair(device, options);
  }
  salvage(device: BlockDevice, options: SalvageOptions): readonly SalvagedVolume[] {
    return salvage(device, options);
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
  snapshotSpace(_device: BlockDevice, _volume: string): null {
    return null;
  }
  inspect(device: BlockDevice, place: string | null): Iterable<string> {
    return inspect(device, place);
  }
}

/** The volume as it will be after a replay, which is made in memory. */
function replayed(device: BlockDevice, journal: Journal | null): BlockDevice {
  if (!journal || journal.isEmpty) return device;
  const overlay = new OverlayDevice(device);
  journal.replay(overlay);
  return overlay;
}

/** @throws CorruptError if only the alternate header tells that there is a volume */
function isHfsPlus(device: BlockDevice): boolean {
  if (device.size < SMALLEST_DEVICE) return false;
  const bytes = new Uint8Array(4);
  device.read(HEADER_AT, bytes);
  const view = new DataView(bytes.buffer);
  const signature = view.getUint16(VolumeHeader.at.signature);
  const version = view.getUint16(VolumeHeader.at.version);
  if (signature === SIGNATURE_HFSPLUS && version === VERSION_HFSPLUS) return true;
  if (signature === SIGNATURE_HFSX && version === VERSION_HFSX) return true;
  if (!hasAlternateHeader(device)) return false;
  const problem = 'the volume header is damaged, only the alternate one at the end is whole';
  throw new CorruptError('HFSPlusVolumeHeader', 'signature', HEADER_AT, problem);
}

/** A whole header at the end, of a volume of just this size: not what an older, smaller or larger one left there. */
function hasAlternateHeader(device: BlockDevice): boolean {
  try {
    const { totalBlocks, blockSize } = readVolumeHeader(device, device.size - HEADER_AT);
    return totalBlocks === Math.floor(device.size / blockSize);
  } catch (error) {
    if (error instanceof CorruptError) return false;
    throw error;
  }
}

function fourCharacters(value: number): string {
  const text = Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map((byte) => byte & 255)).toString(
    'latin1',
  );
  return text.replace(/[^ -~]/g, '?');
}

/**
 * The driver of HFS+ and HFSX. Errors: `CorruptError`, `UnsupportedError`, `VolumeFullError`, and those of the
 * device.
 */
export const hfsplus: FileSystemDriver = new HfsPlusDriver();
