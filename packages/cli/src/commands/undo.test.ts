import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { events, tintype } from '../built.testing.js';
import { run } from './undo.js';

test('the last run is taken back; without one the command says so', () =>
  withFolder((folder) => {
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(source);
    writeFileSync(join(source, 'a'), 'a');
    expect(tintype('backup', source, image, '--fs', 'hfs+', '--size', '64m').status).toBe(0);
    writeFileSync(join(source, 'b'), 'b');
    rmSync(join(source, 'a'));
    expect(tintype('backup', source, image).status).toBe(0);
    expect(tintype('ls', image).stdout).not.toContain('a\n');
    expect(events('undo', image).last).toMatchObject({
      type: 'summary',
      items: { created: 1, removed: 1 },
      problems: [],
    });
    expect(tintype('ls', image).stdout).toContain('a\n');
    expect(tintype('undo', image).stderr).toMatch(/taken back: 1 item put aside, 0 brought back/);
    const none = tintype('undo', image);
    expect([none.status, none.stderr]).toEqual([1, expect.stringContaining('no run that can be taken back')]);
    expect(run).toBeTypeOf('function');
  }));
