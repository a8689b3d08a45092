// All that is needed to start an operation and to watch it. Loads no driver and no container: the worker does that, and
// a program that only starts operations is ready 100 ms sooner.

export { type Run, run } from './engine.js';
export * from './events.js';
export * from './operation.js';
export type { LeftBehind } from './operations/migrate.js';
export type { PrunedSnapshot } from './operations/prune.js';
export { UsageError } from './usage-error.js';
