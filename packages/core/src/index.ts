export * from './block-device.js';
export { crc32, crc32Combined, crc32OfZeros } from './checksum/crc32.js';
export { type Fletcher64, fletcher64 } from './checksum/fletcher64.js';
export { CheckedDevice } from './devices/checked.js';
export { CountingDevice } from './devices/counting.js';
export { DataWriter } from './devices/data-writer.js';
export { LatchedDevice } from './devices/latched.js';
export { MemoryDevice } from './devices/memory.js';
export { type Change, OverlayDevice } from './devices/overlay.js';
export { PassingDevice } from './devices/passing.js';
export { ReadAheadDevice } from './devices/read-ahead.js';
export { ReadOnlyDevice } from './devices/read-only.js';
export { WindowDevice } from './devices/window.js';
export * from './errors.js';
export * from './file-store.js';
export * from './file-system.js';
export * from './finding.js';
export { type Perform, serveLane } from './lanes/lane.js';
export {
  type Lanes,
  type LaneThread,
  SerialLanes,
  ThreadLanes,
  type ThreadLanesOptions,
  type Told,
} from './lanes/lanes.js';
export { type SlotSizes, Slots } from './lanes/slots.js';
export { LANE_HEAP, OPERATION_HEAP } from './lanes/thread-heap.js';
export * from './limits.js';
export * from './name-bytes.js';
export * from './passphrase-forms.js';
export * from './progress.js';
export * from './ranges/range.js';
export { RangeSet } from './ranges/range-set.js';
export { ReadOnlyVolume } from './read-only-volume.js';
export * from './report.js';
export * from './size-text.js';
export * from './struct/access.js';
export * from './struct/fields.js';
export * from './struct/offset.js';
export * from './struct/struct.js';
export * from './volume.js';
export * from './web-assembly.js';
