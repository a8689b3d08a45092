export * from './structs/object.js';
