export { VolumeHeader } from './structs/volume-header.js';
