// Very many files: the volume is sound to others, and the next run finds nothing to do.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apfsck, count, fsckHfsplus, withFolder, withOracle } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { events, tintype } from './built.testing.js';

const FOLDERS = count(20, 1000);
const FILES = 1000;

test.skipIf(withOracle('fsck.hfsplus').skip || withOracle('apfsck').skip).each(['hfs+', 'apfs'] as const)(
  `%s: ${FOLDERS * FILES} files`,
  { timeout: count(120_000, 1_200_000) },
  (fs) => {
    withFolder((folder) => {
      const [source, image, raw] = [join(folder, 'source'), join(folder, 'b.sparsebundle'), join(folder, 'raw')];
      for (let i = 0; i < FOLDERS; i += 1) {
        mkdirSync(join(source, `folder ${i}`), { recursive: true });
        for (let j = 0; j < FILES; j += 1) writeFileSync(join(source, `folder ${i}`, `file ${j}`), '');
      }
      expect(tintype('backup', source, image, '--fs', fs, '--size', '20g', '--quiet')).toMatchObject({ status: 0 });
      expect(tintype('raw', image, raw, '--volume', '0').status).toBe(0);
      expect(fs === 'apfs' ? apfsck(raw) : fsckHfsplus(raw)).toMatchObject(
        fs === 'apfs' ? { ok: true, output: '' } : { ok: true },
      );
      rmSync(raw);
      expect(tintype('verify', image, '--quiet').status).toBe(0);
      const { last } = events('backup', source, image);
      expect(last).toMatchObject({ items: { created: 0, replaced: 0, updated: 0, removed: 0, failed: 0 } });
    });
  },
);
