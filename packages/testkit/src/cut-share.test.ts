import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { CutShare, lacksCutShares } from './cut-share.js';

test.skipIf(lacksCutShares())('what is written to a share arrives, also after its link was cut and is back', () => {
  const share = new CutShare({ reconnect: false });
  try {
    writeFileSync(path.join(share.mount, 'a'), 'one');
    share.cut();
    share.restore();
    writeFileSync(path.join(share.mount, 'b'), 'two');
    expect(readFileSync(path.join(share.folder, 'a'), 'utf8')).toBe('one');
    expect(readFileSync(path.join(share.folder, 'b'), 'utf8')).toBe('two');
  } finally {
    share.close();
  }
});
