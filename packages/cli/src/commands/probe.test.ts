import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
});

test('what is not there is no destination, and of an image the folder is measured', () => {
  expect(tintype('probe', 'nowhere')).toMatchObject({
    status: 1,
    stderr: 'tintype: there is nothing at nowhere. Check the path\n',
  });
  withFolder((folder) => {
    writeFileSync(join(folder, 'a.dmg'), '');
    expect(tintype('probe', join(folder, 'a.dmg')).stdout).toContain('file system:');
    expect(readdirSync(folder)).toEqual(['a.dmg']);
  });
});
