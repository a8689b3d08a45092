// Whether an image is compacted before a backup opens it (B19), and whether that is done on a battery (B24): pure functions of
// stated numbers. Help and documentation take the thresholds from here (B47).

/** Host bytes and share of the host's capacity below which an image is compacted. */
export const COMPACT_BELOW = { free: 25e9, share: 0.15 } as const;
/** A gain that is less than this share of the image, and less than these bytes, is not worth it. */
export const LEAST_GAIN = { share: 0.01, bytes: 1e9 } as const;

export interface HostRoom {
  readonly hostFree: number;
  readonly hostCapacity: number;
}

/** B19: on the host's numbers, before the image is opened. */
export function isCompactionDue({ hostFree, hostCapacity }: HostRoom): boolean {
  return hostFree < COMPACT_BELOW.free || hostFree < COMPACT_BELOW.share * hostCapacity;
}

/** B19: on what compacting is predicted to give back; `imageBytes` as the image takes them on the host. */
export function isGainWorthwhile({ gain, imageBytes }: { gain: number; imageBytes: number }): boolean {
  return gain >= LEAST_GAIN.share * imageBytes || gain >= LEAST_GAIN.bytes;
}

/** B24: `onBattery` null where the host does not say. */
export function mayCompact({ onBattery, allowed }: { onBattery: boolean | null; allowed: boolean }): boolean {
  return allowed || onBattery !== true;
}
