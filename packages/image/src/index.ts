export { bandSizeFor, createImage } from './create.js';
export { detect } from './detect.js';
export * from './disk-image.js';
export { inspectImage } from './inspect.js';
export { claimImage, imageFacts, lockHolder, openImage } from './open.js';
export { partitionMap, writePartitionMap } from './partitions/map.js';
export { passwd } from './passwd.js';
export { RawDevice } from './raw.js';
export { isZero } from './zeros.js';
