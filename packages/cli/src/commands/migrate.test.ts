import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { events, json, tintype } from '../built.testing.js';

test('an image moves to a folder and to another image, and stays', () => {
  withFolder((folder) => {
    const at = (name: string) => join(folder, name);
    mkdirSync(at('source'));
    writeFileSync(at('source/letter'), 'dear reader');
    writeFileSync(at('one'), 'one');
    writeFileSync(at('two'), 'two');
    const rounds = ['--kdf-rounds', '1000'];
    const secret = ['--passphrase-file', at('one')];
    const old = at('old.sparsebundle');
    const made = ['--size', '32m', '--fs', 'hfs+', '--encryption', 'aes-128', ...secret, ...rounds];
    expect(tintype('backup', at('source'), old, ...made).status).toBe(0);
    expect(tintype('migrate', old, at('plain')).status).toBe(4);
    const moved = tintype('migrate', old, at('plain'), ...secret);
    expect(moved.status).toBe(0);
    expect(moved.stderr).toContain('compared with');
    expect(moved.stderr).toContain('old.sparsebundle can be removed now');
    expect(readFileSync(at('plain/letter'), 'utf8')).toBe('dear reader');
    expect(tintype('migrate', old, at('plain'), ...secret).status).toBe(1);
    const both = [...secret, '--new-passphrase-file', at('two'), ...rounds];
    expect(events('migrate', old, at('new.sparseimage'), '--size', '32m', ...both)).toMatchObject({
      status: 0,
      last: { type: 'summary', kind: 'writable', proved: true, removable: [old] },
    });
    expect(json<ImageInfo>('info', at('new.sparseimage')).container.encryption).toMatchObject({ keyBits: 128 });
    expect(tintype('ls', at('new.sparseimage'), '--passphrase-file', at('two')).stdout).toContain('letter');
    expect(existsSync(old)).toBe(true);
  });
}, 120_000);
