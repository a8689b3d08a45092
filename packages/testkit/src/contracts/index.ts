export { type BlockDeviceExpectations, blockDeviceContract, type DeviceUnderTest } from './block-device.js';
export { contractFormat, contractMount, type DriverExpectations, driverContract } from './driver.js';
export { type FileStoreExpectations, fileStoreContract, type StoreUnderTest } from './file-store.js';
export { firstVolume, type VolumeExpectations, type VolumeUnderTest, volumeContract } from './volume.js';
