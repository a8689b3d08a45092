// Attributes that go onto an item through node:fs: owner, then mode (which the change of an owner would clear), then
// times. By handle where the item can be opened; else by path, right after a look that showed the item itself.

import * as fs from 'node:fs';
import { type AttributeChange, type Attributes, hostPath } from '@tintype/core';
import { attempt } from '../errno.js';
import { setTime } from './times.js';

/** What attributes go onto. */
export interface HeldPath {
  readonly path: string;
  /** Null where the item could not be opened, and for links. */
  readonly handle: number | null;
  readonly isLink: boolean;
  /** What the item has now. */
  readonly now: () => Attributes;
}

/** @throws StoreError */
export function applyByPath(target: HeldPath, change: AttributeChange): void {
  const { uid, gid, mode } = change;
  const before = uid === undefined && gid === undefined && mode !== undefined ? null : target.now();
  if (before && (uid !== undefined || gid !== undefined)) own(target, uid ?? before.uid, gid ?? before.gid);
  // The owner's change took set-id bits away.
  const wanted = mode ?? (uid === undefined && gid === undefined ? undefined : before?.mode);
  if (wanted !== undefined && !target.isLink) setMode(target, wanted);
  if (change.mtime !== undefined || change.mtimeNanos !== undefined) setModified(target, change);
}

function own({ path, handle }: HeldPath, uid: number, gid: number): void {
  attempt('chown', path, () =>
    handle === null ? fs.lchownSync(hostPath(path), uid, gid) : fs.fchownSync(handle, uid, gid),
  );
}

function setMode({ path, handle }: HeldPath, mode: number): void {
  attempt('chmod', path, () => (handle === null ? fs.chmodSync(hostPath(path), mode) : fs.fchmodSync(handle, mode)));
}

/** The time of the last change of content; node:fs sets that of the last access with it, to the same. */
function setModified({ path, handle, now }: HeldPath, change: AttributeChange): void {
  const before = change.mtime === undefined || change.mtimeNanos === undefined ? now() : null;
  const seconds = change.mtime ?? before?.mtime ?? 0;
  const nanos = change.mtimeNanos ?? before?.mtimeNanos ?? 0;
  const set = (time: string): void =>
    attempt('utimens', path, () =>
      handle === null ? fs.lutimesSync(hostPath(path), time, time) : fs.futimesSync(handle, time, time),
    );
  const isKept = (): boolean => {
    const { mtime, mtimeNanos } = now();
    return mtime === seconds && Math.floor(mtimeNanos / 1000) === Math.floor(nanos / 1000);
  };
  setTime({ seconds, nanos }, set, isKept);
}
