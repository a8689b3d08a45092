// Where on a damaged disk file systems may lie: by the partition map, or, where that is gone, by what looks like one.

import {
  type BlockDevice,
  type FileSystemDriver,
  type Finding,
  finding,
  type SalvagedVolume,
  type SalvageOptions,
  TintypeError,
  WindowDevice,
} from '@tintype/core';
import { type Partition, partitionMap, searchPartitions } from '@tintype/image';
import { drivers, PARTITION_TYPES } from '../stack.js';

/** Of every partition, what its file system still shows. @throws PassphraseError, if nothing else was found */
export function salvageDisk(device: BlockDevice, options: SalvageOptions, findings: Finding[]): SalvagedVolume[] {
  const mapped = mappedPartitions(device, findings);
  const found = mapped.flatMap((partition) => salvagePartition(device, partition, options));
  if (found.length > 0) return found;
  options.step?.('looking for file systems');
  const searched = searchPartitions(device, (done) => options.progress?.(done, device.size));
  const fresh = searched.filter(({ start }) => !mapped.some((partition) => partition.start === start));
  if (fresh.length > 0)
    findings.push(
      finding('partition-map', 'disk', 'file systems were looked for, since the partition map leads to none', {
        severity: 'warning',
      }),
    );
  return fresh.flatMap((partition) => salvagePartition(device, partition, options));
}

function mappedPartitions(device: BlockDevice, findings: Finding[]): readonly Partition[] {
  try {
    const map = partitionMap(device);
    findings.push(...map.findings);
    return map.partitions.filter(({ start, size }) => size >= 4096 && start + size <= device.size);
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
    findings.push(
      finding('partition-map', 'disk', `the partition map cannot be used: ${error.message}`, { severity: 'warning' }),
    );
    return [];
  }
}

function salvagePartition(
  device: BlockDevice,
  partition: Partition,
  options: SalvageOptions,
): readonly SalvagedVolume[] {
  const window = new WindowDevice(device, partition.start, partition.size);
  for (const driver of likely(window, partition)) {
    const found = driver.salvage(window, options);
    if (found.length > 0) return found;
  }
  return [];
}

/** Those that claim the device, those that its type names; of a disk without a map, only if one of them does. */
function likely(window: BlockDevice, { type, start }: Partition): readonly FileSystemDriver[] {
  const claiming = drivers.filter((driver) => claims(driver, window));
  if (claiming.length > 0) return claiming;
  const named = drivers.filter(({ kind }) => PARTITION_TYPES[kind] === type);
  if (named.length > 0) return named;
  return type === '' && start === 0 ? drivers : [];
}

/** A driver that throws because its structures are damaged still is the one to ask. */
function claims(driver: FileSystemDriver, window: BlockDevice): boolean {
  try {
    return driver.probe(window) !== null;
  } catch (error) {
    if (error instanceof TintypeError) return true;
    throw error;
  }
}
