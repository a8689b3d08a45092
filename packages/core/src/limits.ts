// Numbers that bound what this package does with bytes it did not write.

/** Largest count, address or size that a number holds exactly; a disk that claims more is corrupt. */
export const LARGEST_EXACT = Number.MAX_SAFE_INTEGER;
/** Layers that an image may nest: encryption, container, partition, volume. */
export const NESTING_LIMIT = 4;
