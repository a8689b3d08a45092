export { apfs } from './driver.js';
