export { hfsplus } from './driver.js';
