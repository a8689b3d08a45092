// Snapshots of a volume in an image: made, renamed, deleted, pinned, reverted to. Each is one commit.

import { RefusedError, type SnapshotEntry, UnsupportedError } from '@tintype/core';
import type { SummaryEvent } from '../events.js';
import type { Operation } from '../operation.js';
import type { Stack } from '../stack.js';
import { UsageError } from '../usage-error.js';
import { changePin, requireUnpinned } from './pin.js';
import { revertTo } from './revert.js';
import { imageSide, type Side } from './sides.js';

/** Bytes of UTF-8, as APFS keeps it. */
const LONGEST_NAME = 255;

export const snapshot: Operation<'snapshot'> = (options, context): SummaryEvent => {
  const { image, action, name, to } = options;
  context.emit({ type: 'phase', name: 'open' });
  // `snapshot` of the choice would open an old state.
  const side = imageSide(image, true, { ...options, snapshot: undefined }, context);
  let isDone = false;
  try {
    context.emit({ type: 'phase', name: 'snapshot' });
    const { fileSystem } = side;
    const stack = side.stack as Stack;
    const { live } = stack;
    const result = { name, xid: 0 };
    if (action === 'create') {
      result.name = newSnapshotName(side, name, context.now());
      result.xid = fileSystem.createSnapshot(live, result.name);
    } else {
      const existing = existingSnapshot(side, name);
      result.xid = existing.xid;
      if (action === 'pin' || action === 'unpin') changePin(stack, existing, action, context.now());
      else if (action === 'delete') {
        requireUnpinned(stack, existing);
        fileSystem.deleteSnapshot(live, result.xid);
      } else if (action === 'revert')
        revertTo(stack, existing, { deleteNewer: options.deleteNewer ?? false, now: context.now() });
      else {
        if (to === undefined) throw new UsageError('renaming a snapshot needs its new name');
        result.name = newSnapshotName(side, to, context.now());
        fileSystem.renameSnapshot(live, result.xid, result.name);
      }
    }
    isDone = true;
    return { type: 'summary', image, action, snapshot: result, problems: [] };
  } finally {
    if (isDone) side.close();
    else side.abandon();
  }
};

/**
 * The name that a new snapshot gets. `seconds`: since 1970, for `auto`.
 * @throws UnsupportedError where there are no snapshots, RefusedError if the name is taken, UsageError if there can be none
 */
export function newSnapshotName(side: Side, wanted: string, seconds: number): string {
  const name = wanted === 'auto' ? `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z` : wanted;
  const isSound = name !== '' && !name.includes('\0') && name.isWellFormed() && Buffer.byteLength(name) <= LONGEST_NAME;
  if (!isSound) throw new UsageError(`a snapshot has a name of UTF-8, at most ${LONGEST_NAME} bytes long`);
  if (snapshotsOf(side).some((entry) => entry.name === name))
    throw new RefusedError('snapshot-exists', `${side.path} has a snapshot ${name} already`, { snapshot: name });
  return name;
}

/** By name or xid. @throws RefusedError */
function existingSnapshot(side: Side, wanted: string): SnapshotEntry {
  const all = snapshotsOf(side);
  const found = all.find(({ name }) => name === wanted) ?? all.find(({ xid }) => String(xid) === wanted);
  if (!found) throw new RefusedError('no-snapshot', `${side.path} has no snapshot ${wanted}`, { snapshot: wanted });
  return found;
}

/** Oldest first. @throws UnsupportedError where there are none */
export function snapshotsOf({ path, stack }: Side): readonly SnapshotEntry[] {
  const all = stack?.live.snapshots;
  if (!all) throw new UnsupportedError(`${path} cannot have snapshots: only APFS volumes can`, { path });
  return all;
}
