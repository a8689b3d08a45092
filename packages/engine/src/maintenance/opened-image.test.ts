import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { hostContext } from '../host-context.js';
import { requireFreeOut } from './opened-image.js';

test('only what is free, or may be replaced and is not the image itself', () =>
  withFolder((folder) => {
    const { store } = hostContext();
    const image = join(folder, 'image');
    const other = join(folder, 'other');
    for (const path of [image, other]) writeFileSync(path, 'x');
    const refused = (code: string) => expect.objectContaining({ code });
    requireFreeOut(store, { image, out: join(folder, 'new') });
    requireFreeOut(store, { image, out: other, overwrite: true });
    expect(() => requireFreeOut(store, { image, out: other })).toThrow(refused('exists'));
    expect(() => requireFreeOut(store, { image, out: image, overwrite: true })).toThrow(refused('same-file'));
  }));
