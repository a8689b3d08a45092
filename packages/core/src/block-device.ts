// Bytes at positions: what partitions, containers, encryption and caches are made of, each over another.

/** A stretch that begins at a given position: `zero` is known to read as zeros without looking. */
export interface DeviceExtent {
  readonly length: number;
  readonly kind: 'data' | 'zero';
}

/**
 * A disk, or a part or view of one. Every method is required and written out in every wrapper, so that a new one breaks
 * them at compile time instead of passing through unshifted. Positions and lengths are bytes; a range outside
 * `[0, size)` is the caller's mistake (an assertion), never an input error.
 */
export interface BlockDevice {
  readonly size: number;
  readonly writable: boolean;
  /** Writes that are smaller or not aligned to this cost a read. A power of two, 512 or more. */
  readonly blockSize: number;
  /** True: nothing is visible before `close` (an archive being written). */
  readonly draft: boolean;
  /** Fills all of `target`. */
  read(position: number, target: Uint8Array): void;
  write(position: number, source: Uint8Array): void;
  /** The range reads as zeros afterwards; takes no space where the container can help it. */
  zero(position: number, length: number): void;
  /** The contents no longer matter: space goes back to the host where it can. Reads are undefined afterwards. */
  discard(position: number, length: number): void;
  /** Kind and length of the stretch beginning here, from the container's own map. Never reads data. */
  extent(position: number): DeviceExtent;
  /** Host bytes behind the range: for predictions and `info`, never to decide what is zero. */
  stored(position: number, length: number): number;
  /** A barrier: everything before is durable before anything after. */
  flush(): void;
  close(): void;
}
