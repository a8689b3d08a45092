// Volumes that belong together: a System volume and a Data volume, whose ids do not overlap. See docs/formats/apfs.md.

import type { VolumeSlot } from '../reading/container-reader.js';
import { VolumeHead } from '../reading/volume-head.js';
import { VOLUME_FEATURE_GROUP_IDS, VOLUME_ROLE, VolumeSuperblock } from '../structs/volume.js';
import type { Report } from './report.js';

const ROLES: readonly number[] = Object.values(VOLUME_ROLE);

export function checkGroups(volumes: readonly VolumeSlot[], report: Report): void {
  const members = new Map<string, Set<number>>();
  for (const { slot, head } of volumes) {
    if (!(head instanceof VolumeHead)) continue;
    const odd = (message: string): void => report.add('volume-odd', `volume ${slot}`, message);
    const { group, role } = head;
    if (hasGroupIds(head) !== (group !== null)) odd('says in two ways whether it belongs to a group');
    if (group === null) continue;
    const roles = members.get(group) ?? new Set();
    if (!ROLES.includes(role)) odd(`belongs to a group, with role ${role.toString(16)}`);
    if (roles.has(role)) odd('has the role of another of its group');
    members.set(group, roles.add(role));
  }
}

/** Ids of its inodes do not overlap with those of others of its group. */
export function hasGroupIds({ view }: VolumeHead): boolean {
  return (view.getUint32(VolumeSuperblock.at.apfs_features, true) & VOLUME_FEATURE_GROUP_IDS) !== 0;
}
