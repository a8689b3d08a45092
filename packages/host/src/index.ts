export { hostXattrName, imageXattrName } from './attributes.js';
export { type HostFolderOptions, openHostFolder } from './folder-volume.js';
export { type HostHolder, hostHolder } from './holder.js';
export { exitNow, missingCalls } from './native.js';
export { type HostFileStore, nodeFileStore } from './node-file-store.js';
export { isOnBattery } from './power.js';
export { type PathProbe, probePath } from './probe.js';
export { isOnStartupDisk, spaceAt } from './space.js';
export type { WriteBehindOptions } from './write-behind.js';
