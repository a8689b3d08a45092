import { readdirSync } from 'node:fs';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { probePath, spaceAt } from './index.js';

test('a folder is measured, and nothing stays behind', () => {
  withFolder((folder) => {
    const probe = probePath(folder);
    expect(probe).toMatchObject({ kind: spaceAt(folder).kind, isNetwork: false, renameReplaces: true });
    if (process.platform === 'linux') expect(probe).toMatchObject({ lockHolds: true });
    expect(probe.punches).toBe(probe.canPunch);
    expect(probe.largestFile).toBeGreaterThan(2 ** 31);
    expect(probe.writeRate).toBeGreaterThan(1e5);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('a folder that is not there is refused', () => {
  expect(() => probePath('/no/such/folder')).toThrow('ENOENT');
});
