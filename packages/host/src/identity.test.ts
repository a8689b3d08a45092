import { linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { identityAt } from './identity.js';

test('two names of one file are the same, another file is not, and nothing is null', () => {
  withFolder((folder) => {
    writeFileSync(join(folder, 'a'), '');
    linkSync(join(folder, 'a'), join(folder, 'b'));
    writeFileSync(join(folder, 'c'), '');
    expect(identityAt(join(folder, 'b'))).toBe(identityAt(join(folder, 'a')));
    expect(identityAt(join(folder, 'c'))).not.toBe(identityAt(join(folder, 'a')));
    expect(identityAt(join(folder, 'd'))).toBeNull();
    expect(() => identityAt(join(folder, 'a', 'x'))).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
  });
});
