import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { events, json, tintype } from '../built.testing.js';

test('compact says what would be given back, gives it back, and refuses a read-only image', () => {
  withFolder((folder) => {
    const image = join(folder, 'a.sparsebundle');
    expect(tintype('create', image, '--size', '64m').status).toBe(0);
    // Bands that lie wholly in free space: as left by a writer that gave nothing back.
    for (const band of ['3', '4', '5']) writeFileSync(join(image, 'bands', band), Buffer.alloc(8 << 20, 1));
    expect(json<ImageInfo>('info', image).reclaimable).toBe(24 << 20);
    const dry = events('compact', image, '--dry-run').last;
    expect(dry).toMatchObject({ dryRun: true, givenBack: 24 << 20, problems: [] });
    const { status, events: all, last } = events('compact', image, '--allow-battery');
    expect([status, all[0]]).toEqual([0, { type: 'phase', name: 'Compacting the destination disk image' }]);
    expect(last).toMatchObject({ images: [{ image }], givenBack: 24 << 20, interrupted: false });
    expect(json<ImageInfo>('info', image).reclaimable).toBe(0);
    expect(tintype('compact', image, '--allow-battery').stderr).toContain('0 bytes given back');
    const archive = join(folder, 'a.dmg');
    expect(tintype('convert', image, archive).status).toBe(0);
    const refused = tintype('compact', archive, '--allow-battery');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('read-only');
  });
});
