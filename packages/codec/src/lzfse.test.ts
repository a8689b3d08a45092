import { CorruptError } from '@tintype/core';
import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { lzfse } from './lzfse.js';

test('blocks that the kernel leaves are read all the same', () => {
  // Short: LZVN.
  const clear = Buffer.alloc(3000, 'a short text. ');
  const stream = Buffer.from(lzfse.encode(clear));
  expect(stream.toString('latin1', 0, 4)).toBe('bvxn');
  const target = Buffer.alloc(clear.length);
  lzfse.decode(stream, target);
  expect(target.equals(clear)).toBe(true);
});

test('what the kernel refuses is refused with what is wrong', () => {
  const clear = Buffer.concat([new Random(1).bytes(9000), Buffer.alloc(9000, 'ab')]);
  const stream = Buffer.from(lzfse.encode(clear));
  expect(stream.toString('latin1', 0, 4)).toBe('bvx2');
  const decode = () => lzfse.decode(stream.subarray(0, -4), new Uint8Array(clear.length));
  expect(decode).toThrow(CorruptError);
  expect(decode).toThrow('there is no end mark');
});
