import { expect, test } from 'vitest';
import { compileModule, instantiate, WasmError, type WasmExports } from './web-assembly.js';

/** `(module (memory (export "memory") 1) (func (export "fail") unreachable))` */
const CODE = Buffer.from('AGFzbQEAAAABBAFgAAADAgEABQMBAAEHEQIGbWVtb3J5AgAEZmFpbAAACgUBAwAACw==', 'base64');

test('instances of a module have memory of their own', () => {
  const module = compileModule(CODE);
  const [one, other] = [instantiate<WasmExports>(module), instantiate<WasmExports>(module)];
  new Uint8Array(one.memory.buffer)[0] = 7;
  expect(new Uint8Array(other.memory.buffer)[0]).toBe(0);
  expect(one.memory.grow(2)).toBe(1);
  expect(one.memory.buffer.byteLength).toBe(3 * 65_536);
});

test('a module that gives up throws, and what is no module is refused', () => {
  const { fail } = instantiate<WasmExports & { fail(): void }>(compileModule(CODE));
  expect(fail).toThrow(WasmError);
  expect(() => compileModule(Buffer.from('no module'))).toThrow();
});
