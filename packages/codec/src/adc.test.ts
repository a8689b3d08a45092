import { createHash } from 'node:crypto';
import { CorruptError } from '@tintype/core';
import { expect, test } from 'vitest';
import { adc } from './adc.js';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('the partition record of an image that macOS made', () => {
  const stream = hex('80007f00007f00007f00007f00007f00007f000068001683feffffee00038001004a812f506e004f8155aa');
  const target = Buffer.alloc(512);
  adc.decode(stream, target);
  expect(createHash('sha1').update(target).digest('hex')).toMatch(/^efbfc919d37d/);
});

test('each form, as short and as long as it goes', () => {
  const target = Buffer.alloc(3 + 3 + 18 + 4 + 67);
  adc.decode(hex('82 616263 00 02 3c 00 40 0002 7f 0001'), target);
  expect(target.toString()).toBe(`abc${'abc'}${'c'.repeat(18)}${'cccc'}${'c'.repeat(67)}`);
});

test('the farthest match of each form', () => {
  const far = Buffer.alloc(65_536, 0);
  far.write('start');
  far.write('near!', 65_536 - 1024);
  const clear = Buffer.concat([far, Buffer.from('start')]);
  const target = Buffer.alloc(clear.length);
  const stream = adc.encode(clear);
  adc.decode(stream, target);
  expect(target.equals(clear)).toBe(true);
  expect(stream.length).toBeLessThan(3100);
});

test.each([
  ['nothing', ''],
  ['literals that are cut off', '83 616263'],
  ['a match that is cut off', '82 616263 00'],
  ['a long match that is cut off', '82 616263 40 00'],
  ['a match before anything', '00 00'],
  ['a match from before the beginning', '82 616263 00 03'],
  ['a match behind the end', '82 616263 7f 0000'],
  ['literals behind the end', `8f ${'61'.repeat(16)}`],
])('refused: %s', (_what, text) => {
  expect(() => adc.decode(hex(text), new Uint8Array(10))).toThrow(CorruptError);
});
