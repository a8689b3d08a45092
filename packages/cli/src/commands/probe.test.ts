import { readdirSync } from 'node:fs';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { json, tintype } from '../built.testing.js';

test('probe measures a folder and leaves nothing behind (B2)', () => {
  withFolder((folder) => {
    expect(json<{ free: number; largestFile: number; writeRate: number }>('probe', folder)).toMatchObject({
      renameReplaces: true,
      largestFile: expect.any(Number),
      writeRate: expect.any(Number),
      kind: expect.any(String),
    });
    expect(tintype('probe', folder).stdout).toContain('file system:');
    expect(readdirSync(folder)).toEqual([]);
  });
  expect(tintype('probe', 'nowhere').status).toBe(1);
});
