import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { Filter } from '../tree/filter.js';
import { verifyBackup } from './backup-verify.js';
import { folderSide } from './sides.js';

test('in a folder everything that was wanted is compared with the source', () => {
  withFolder((folder) => {
    const [source, target] = ['source', 'target'].map((name) => {
      mkdirSync(join(folder, name, 'sub'), { recursive: true });
      writeFileSync(join(folder, name, 'sub/changed'), name.slice(0, 6));
      writeFileSync(join(folder, name, `only in ${name}`), '');
      writeFileSync(join(folder, name, 'same'), 'same');
      return folderSide(join(folder, name), false).volume;
    });
    if (!source || !target) throw new Error('two folders');
    writeFileSync(join(folder, 'source/left out'), '');
    const told: string[] = [];
    const options = { rules: ['left out'], excludeCaches: false, oneFileSystem: false, ownFiles: new Set<string>() };
    verifyBackup({
      source,
      target,
      filter: new Filter(options, source),
      checksums: null,
      between: () => {},
      differs: (path, how) => told.push(`${path}: ${how}`),
    });
    expect(told.toSorted()).toEqual(['/only in source: only in a', '/sub/changed: content']);
  });
});
