export { CrashDevice, type CrashedDevice } from './crash-device.js';
export { type CrashState, CrashStore, type RandomStates } from './crash-store.js';
export { journalPlace, replayJournal } from './cross/journal-replay.js';
export { CutShare, type CutShareOptions, lacksCutShares } from './cut-share.js';
export { type DeviceFault, type DeviceFaultKind, FaultDevice } from './fault-device.js';
export { type Fault, type FaultKind, FaultStore } from './fault-store.js';
export { type Fixture, fixture, fixtureBytes, temporaryFolder, unpackFixture, withFolder } from './fixtures.js';
export { changeFolder, folderModel } from './folder-change.js';
export { allItems, asKernelItems, comparableItems } from './kernel-items.js';
export { MemoryFileSystem } from './memory-file-system.js';
export { MemoryStore, type StoreLimits } from './memory-store.js';
export { MemoryVolume, type MemoryVolumeOptions, plainAttributes } from './memory-volume.js';
export * from './oracles.js';
export { RandomChanges, type RandomChangesOptions } from './random-changes.js';
export { type DeviceCall, RecordingDevice } from './recording-device.js';
export { isCi, repository, shared } from './repository.js';
export { count, FULL, Random } from './seeds.js';
export {
  contentOf,
  type ItemSnapshot,
  itemAt,
  type SnapshotOptions,
  sha256Of,
  snapshotOf,
  type TreeSnapshot,
} from './snapshot-of.js';
export { SparseBytes } from './sparse-bytes.js';
export { SparseDevice } from './sparse-device.js';
export { describeCall, type NodeId, type StoreCall } from './store-call.js';
export { bytesOf, type Content, changeAsCode, changeVolume, splitPath, type TreeChange } from './tree-change.js';
export { buildOnFolder, buildOnVolume, type DifficultTreeOptions, difficultTree } from './trees.js';
export { lacksMounts, missingPrograms, type TwoMounts, twoMounts } from './two-mounts.js';
