// The numbers of the rules, for help pages: they load nothing else (B47).

export { LEAST_GROWTH } from './rules/capacity.js';
export { COMPACT_BELOW, LEAST_GAIN } from './rules/compaction-due.js';
export { DEFAULT_ENCRYPTION } from './rules/new-encryption.js';
export { STARTUP_RESERVE } from './rules/startup-disk.js';
export { DEFAULT_WAIT } from './wait.js';
