import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { repository, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { events, json, tintype } from '../built.testing.js';

test('resize up to 1 TB and back, and what it refuses', () => {
  withFolder((folder) => {
    const image = join(folder, 'a.sparsebundle');
    expect(tintype('create', image, '--size', '1g', '--fs', 'hfs+').status).toBe(0);
    const { status, last } = events('resize', image, '--size', '1t', '--force');
    expect([status, last.after]).toEqual([0, 2 ** 40]);
    expect(json<ImageInfo>('info', image).volumes[0]?.capacity).toBeGreaterThan(2 ** 40 - 65_536);
    expect(tintype('verify', image).status).toBe(0);
    const { stderr } = tintype('resize', image, '--size', 'min');
    expect(stderr).toContain('instead of 1.10 TB');
    expect(tintype('verify', image).status).toBe(0);
    const refused = tintype('resize', image, '--size', '12t');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('--force');
    expect(tintype('resize', image).status).toBe(2);
    const none = tintype('resize', image, '--size', '0');
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('a disk of 0 bytes has no room')]);
  });
}, 60_000);

test.each(['apfs', 'hfs+'])(
  'resize to the least of a real tree that lay behind a large file, %s',
  (kind) => {
    withFolder((folder) => {
      const source = join(folder, 'source');
      const image = join(folder, 'a.sparsebundle');
      mkdirSync(source);
      const large = join(source, '0-large');
      const backUp = (...words: string[]) => tintype('backup', source, image, '--no-safetynet', '--quiet', ...words);
      writeFileSync(large, Buffer.alloc(60 << 20, 'large'));
      expect(backUp('--fs', kind, '--size', '120m').status).toBe(0);
      cpSync(join(repository, 'packages/core/src'), join(source, 'tree'), { recursive: true });
      expect(backUp().status).toBe(0);
      rmSync(large);
      expect(backUp().status).toBe(0);
      const refused = tintype('resize', image, '--size', '1m');
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain('its volume needs about');
      const { status, last } = events('resize', image, '--size', 'min');
      expect(status).toBe(0);
      expect(last.after).toBeLessThan(16 << 20);
      expect(tintype('verify', '--data', image).status).toBe(0);
      expect(tintype('diff', source, image).status).toBe(0);
      writeFileSync(join(source, 'tree', 'new'), 'new');
      expect(backUp().status).toBe(0);
      expect(tintype('verify', '--data', image).status).toBe(0);
      expect(tintype('diff', source, image).status).toBe(0);
    });
  },
  120_000,
);
