// Capacity of new images (B15, B17): pure functions of stated numbers.

const MIB = 1 << 20;

/** A new image without a size gets the free space of its host volume, rounded down to 1 MiB (B15). */
export function defaultCapacity(hostFree: number): number {
  return Math.floor(hostFree / MIB) * MIB;
}

/** True if a sparse image promises more than its host volume can hold (B17). */
export function isOverCommitted(size: number, hostCapacity: number): boolean {
  return size > hostCapacity;
}
