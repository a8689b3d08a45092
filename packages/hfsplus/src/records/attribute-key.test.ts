import { expect, test } from 'vitest';
import { attributeKey } from './attribute-key.js';

test('a key has its length, the file, the first block, and the name in UTF-16', () => {
  expect(Buffer.from(attributeKey(0x12345678, 'aé', 9).buffer).toString('hex')).toBe(
    ['0010', '0000', '12345678', '00000009', '0002', '0061', '00e9'].join(''),
  );
});
