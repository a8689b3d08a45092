// How much memory a thread of ours may take for objects before it collects its garbage. Node takes 48 MiB for each by
// itself, which stay with the process, and most of our threads only ever look at shared memory.

/** Of threads that work on bytes: `resourceLimits` of a `Worker`, in MiB. */
export const LANE_HEAP = { maxYoungGenerationSizeMb: 4 } as const;
/** Of the thread in which an operation runs. */
export const OPERATION_HEAP = { maxYoungGenerationSizeMb: 12 } as const;
