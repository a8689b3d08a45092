import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { spaceAt } from './space.js';
import { ownRootNames } from './traits.js';

test('only the root of a volume of Apple’s has names that are not its user’s', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tintype-'));
  try {
    const facts = spaceAt(folder);
    symlinkSync('/', join(folder, 'link'));
    for (const path of ['/', join(folder, 'link')]) {
      expect(ownRootNames(path, { ...facts, kind: 'hfsplus' })).toContain('.journal');
      expect(ownRootNames(path, { ...facts, kind: 'ext4' })).toEqual([]);
    }
    expect(ownRootNames(folder, { ...facts, kind: 'hfsplus' })).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
