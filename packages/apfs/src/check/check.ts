// Every rule of the format tested, part by part, without changing the device. It reads with the code that only reads, which shares
// nothing with the code that writes but the declared structures. Kinds of findings: kinds.ts and README.md beside this file.

import { type BlockDevice, type CheckOptions, type Finding, UnsupportedError, u64le } from '@tintype/core';
import { ContainerReader } from '../reading/container-reader.js';
import type { Chunk } from '../reading/free-space.js';
import { NxSuperblock } from '../structs/container.js';
import { BlockMap } from './block-map.js';
import { checkContainer, type VolumeFacts } from './container.js';
import { checkUnclaimed } from './container-fields.js';
import { type CheckedMap, checkMap, checkUnused } from './object-maps.js';
import { Report } from './report.js';
import { checkSpace, compareBitmap, type Space } from './space.js';
import { checkVolume } from './volume.js';

/**
 * Checks the container that fills `device`; answers findings as they come, at most 1,000 and one that counts the rest.
 * Bad bytes are never an error here. An encrypted volume is looked into only with its passphrase.
 *
 * @throws PassphraseError if the passphrase that was given is wrong, and whatever `device.read` and `options.progress` throw
 */
export function* check(device: BlockDevice, options: CheckOptions, told: Told = {}): Generator<Finding> {
  const report = new Report();
  const container = open(device, report);
  yield* report.take();
  if (!container) return;
  const check = {
    device,
    container,
    report,
    used: new BlockMap(container.blocks.count, container.blocks.size, report),
    claimed: new Set<number>(),
    ...(told.volume ? { seen: told.volume } : {}),
  };
  const volumes = container.volumes();
  const total = volumes.length + PARTS;
  let done = 0;
  let space: Space | null = null;
  let map: CheckedMap | null = null;
  let isComplete = true;
  const parts = [
    () => {
      isComplete &&= checkContainer(check);
    },
    () => {
      space = checkSpace(check);
      if (space) checkUnclaimed(check, check.claimed);
    },
    () => {
      map = report.attempt('omap-record', 'map of the container', () => {
        const block = u64le(container.superblock, 0, NxSuperblock.at.nx_omap_oid);
        return checkMap(check, { block, name: 'map of the container', owner: 'container' });
      });
      isComplete &&= map?.isComplete === true;
    },
    ...volumes.map((slot) => () => {
      report.attempt('omap-record', `volume ${slot.slot}`, () => map?.use(slot.oid, container.xid));
      const isWhole = report.attempt('volume-superblock', `volume ${slot.slot}`, () =>
        checkVolume(check, slot, options.passphrase),
      );
      isComplete &&= isWhole === true;
    }),
    () => {
      if (map && isComplete) checkUnused(check, map);
      if (space) compareBitmap(check, space, isComplete);
      if (space) told.space?.({ container, chunks: space.chunks, used: check.used, isComplete });
    },
  ];
  for (const part of parts) {
    options.progress?.(done, total);
    part();
    done += 1;
    yield* report.take();
  }
  report.close();
  options.progress?.(total, total);
  yield* report.take();
}

/** What a repair is told beside the findings. */
export interface Told {
  readonly volume?: (facts: VolumeFacts) => void;
  readonly space?: (facts: SpaceFacts) => void;
}

export interface SpaceFacts {
  readonly container: ContainerReader;
  readonly chunks: readonly Chunk[];
  readonly used: BlockMap;
  /** Everything could be followed: what nobody uses is free. */
  readonly isComplete: boolean;
}

/** Container, space manager, map of the container; and the bitmap in the end. */
const PARTS = 4;

function open(device: BlockDevice, report: Report): ContainerReader | null {
  try {
    return report.attempt('container', 'container', () => new ContainerReader(device));
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    report.add('container', 'container', error.message);
    return null;
  }
}
