// Whether a scheduled run may fill the disk that the host started from (B42, B43): a pure function of stated numbers.

/** Free bytes that the startup disk keeps beside all that the source uses. */
export const STARTUP_RESERVE = 1e9;

export interface StartupDiskInputs {
  readonly onStartupDisk: boolean;
  readonly scheduled: boolean;
  /** False if all of the image is really allocated (B44). */
  readonly imageGrows: boolean;
  /** Free bytes of the startup disk. */
  readonly hostFree: number;
  /** Bytes that the source uses, or that are selected of it. */
  readonly sourceUsed: number;
}

/** B44: by what is really allocated, not by the name. A raw image all of whose bytes are stored cannot grow. */
export function imageGrows(image: { format: string; size: number; hostBytes: number }): boolean {
  return image.format !== 'udrw' || image.hostBytes < image.size;
}

export interface StartupDiskVerdict {
  readonly verdict: 'run' | 'refuse';
  /** Free bytes that the run wants to see; 0 where the rule says nothing. */
  readonly needed: number;
}

export function startupDisk(inputs: StartupDiskInputs): StartupDiskVerdict {
  const { onStartupDisk, scheduled, imageGrows, hostFree, sourceUsed } = inputs;
  if (!onStartupDisk || !scheduled || !imageGrows) return { verdict: 'run', needed: 0 };
  const needed = sourceUsed + STARTUP_RESERVE;
  return { verdict: hostFree >= needed ? 'run' : 'refuse', needed };
}
