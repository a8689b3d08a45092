import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openHostFolder } from '@tintype/host';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { Filter } from './filter.js';
import { measureTree } from './measure.js';
import { GuardedSource } from './source-guard.js';

test('counts items and whole blocks, a file with two names once, and nothing that is left out', () => {
  withFolder((folder) => {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    mkdirSync(join(folder, 'c'));
    writeFileSync(join(folder, 'a/one'), Buffer.alloc(4097));
    writeFileSync(join(folder, 'a/b/two'), 'x');
    linkSync(join(folder, 'a/one'), join(folder, 'c/same'));
    writeFileSync(join(folder, 'c/left.out'), Buffer.alloc(99_999));
    const volume = openHostFolder(folder, { writable: false }).volumes[0];
    if (!volume) throw new Error('a folder is a volume');
    const source = new GuardedSource(volume, { mayLoop: false });
    const options = { rules: ['*.out'], excludeCaches: false, oneFileSystem: false, ownFiles: new Set<string>() };
    let folders = 0;
    const measure = measureTree(source, new Filter(options, source), () => {
      folders += 1;
    });
    expect([measure, folders]).toEqual([{ items: 6, blocks: 3 * 4096 }, 4]);
  });
});
