// Mends a container: everything that follows from what is there. Nothing is guessed; what could mean two things stays as it is,
// and the check goes on naming it. See README.md beside this file.
//
// Counts of blocks are set where they stand, since nothing could be written before they agree; all else comes with new
// checkpoints, as any change does.

import { type BlockDevice, CorruptError, type MountOptions, type RepairOptions, UnsupportedError } from '@tintype/core';
import { check, type SpaceFacts } from '../check/check.js';
import type { VolumeFacts } from '../check/container.js';
import { ContainerReader } from '../reading/container-reader.js';
import { Container } from '../writing/container.js';
import { mendBlock0 } from './block0.js';
import { mendCounts, mendVolume } from './counts.js';
import { mendNames } from './links.js';
import { adoptOrphans } from './orphans.js';
import { mendReferences, unreferenced } from './references.js';
import { mendSpace } from './space.js';

/** What one round makes readable, the next one can mend. */
const ROUNDS = 4;

/** Findings after which extents and their counts do not tell any more which blocks nobody uses. */
const DOUBTFUL: ReadonlySet<string> = new Set([
  'reference-record',
  'record',
  'stream-extent',
  'stream-gap',
  'stream-size',
  'stream-shared',
  'block-outside',
  'block-shared',
]);

/** Answers what was done, a sentence each. @throws UnsupportedError if it is only read and nothing could be done, VolumeFullError */
export function repair(device: BlockDevice, options: RepairOptions): readonly string[] {
  const acts: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    options.progress?.(round, ROUNDS);
    const before = acts.length;
    if (!mendRound(device, options, acts) || acts.length === before) break;
  }
  options.progress?.(ROUNDS, ROUNDS);
  return [...new Set(acts)];
}

/** False if there is nothing more to do. */
function mendRound(device: BlockDevice, options: RepairOptions, acts: string[]): boolean {
  const container = opened(device);
  if (!container) return false;
  acts.push(...mendBlock0(device, container));
  const volumes: VolumeFacts[] = [];
  let space: SpaceFacts | null = null;
  const findings = [
    ...check(
      device,
      { passphrase: options.passphrase },
      {
        volume: (facts) => volumes.push(facts),
        space: (facts) => {
          space = facts;
        },
      },
    ),
  ];
  if (findings.length === 0) return false;
  if (space) acts.push(...mendSpace(device, withData(space, volumes)));
  try {
    const isOlder = container.checkpoint.discarded.length > 0;
    const areReferencesSound = !findings.some(({ kind }) => DOUBTFUL.has(kind));
    acts.push(...mendVolumes(device, options, volumes, { isOlder, areReferencesSound }));
  } catch (error) {
    const isRefusal = error instanceof UnsupportedError || error instanceof CorruptError;
    if (!isRefusal || acts.length === 0) throw refusal(error);
    return false;
  }
  return true;
}

/** Data of files is in use, though nothing may count it yet. */
function withData(space: SpaceFacts, volumes: readonly VolumeFacts[]): SpaceFacts {
  for (const facts of volumes)
    for (const { start, count } of unreferenced(facts)) space.used.mark(start, count, 'data');
  return space;
}

/** What cannot be opened for writing cannot be mended. */
function refusal(error: unknown): unknown {
  if (!(error instanceof CorruptError)) return error;
  return new UnsupportedError(`the container cannot be written: ${error.message}`);
}

function opened(device: BlockDevice): ContainerReader | null {
  try {
    return new ContainerReader(device);
  } catch (error) {
    if (error instanceof CorruptError) return null;
    throw error;
  }
}

interface VolumeState {
  /** A newer checkpoint cannot be used: the next one is to go where it was. */
  readonly isOlder: boolean;
  /** Extents, and the records that count them, are none that cannot be. */
  readonly areReferencesSound: boolean;
}

function mendVolumes(
  device: BlockDevice,
  { now }: RepairOptions,
  volumes: readonly VolumeFacts[],
  { isOlder, areReferencesSound }: VolumeState,
): string[] {
  const options: MountOptions = { writable: true, now: () => now, random: () => {} };
  const container = new Container(device, options);
  const acts: string[] = [];
  for (const mounted of container.volumes) {
    const facts = volumes.find(({ oid }) => oid === mounted.oid);
    if (!facts) continue;
    const name = facts.catalog.name.replace(/^tree of /, '');
    for (const act of [
      ...mendVolume(mounted, facts),
      ...(areReferencesSound ? mendReferences(device, mounted, facts) : []),
      ...mendNames(mounted, facts),
      ...mendCounts(mounted, facts),
      ...adoptOrphans(mounted, facts, now),
    ])
      acts.push(`${name}: ${act}`);
  }
  if (acts.length > 0 || isOlder) container.unmount();
  return acts;
}
