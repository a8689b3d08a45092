import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import type { BackupOptions } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';

const passphrase = () => Buffer.from('secret');
const small = { size: 32 << 20, kdfRounds: 1000, fs: 'hfs+' };

test('that the copy of an encrypted image is clear is said, unless it was asked for', () => {
  withFolder((folder) => {
    const [plain, secret] = [join(folder, 'plain'), join(folder, 'secret.sparsebundle')];
    mkdirSync(plain);
    writeFileSync(join(plain, 'a'), 'a');
    const codes = (options: Partial<BackupOptions>): string[] => {
      const out = join(folder, options.destination ?? '');
      const events: EngineEvent[] = [];
      const summary = backup({ source: secret, ...small, ...options, destination: out }, testContext(1e9, events));
      expect(summary.problems).toEqual([]);
      rmSync(out, { recursive: true, force: true });
      return events.flatMap((event) => (event.type === 'warning' && event.code === 'clear-copy' ? event.code : []));
    };
    const made = { ...small, encryption: 'aes-256', passphrase: passphrase() };
    backup({ source: plain, destination: secret, ...made }, testContext());

    for (const destination of ['copy.sparsebundle', 'copy.dmg'])
      for (const dryRun of [true, false]) {
        const tell = (options: Partial<BackupOptions>) => codes({ destination, dryRun, ...options });
        expect(tell({ passphrase: passphrase() })).toEqual(['clear-copy']);
        expect(tell({ passphrase: passphrase(), encryption: 'none' })).toEqual([]);
        expect(tell({ passphrase: passphrase(), newPassphrase: Buffer.from('other'), encryption: 'aes-128' })).toEqual(
          [],
        );
        expect(tell({ source: plain })).toEqual([]);
      }
    // What was clear before tells nothing new.
    const again = { source: secret, destination: join(folder, 'again.sparsebundle'), ...small };
    backup({ ...again, passphrase: passphrase() }, testContext());
    const events: EngineEvent[] = [];
    backup({ ...again, passphrase: passphrase() }, testContext(2e9, events));
    expect(events).not.toContainEqual(expect.objectContaining({ code: 'clear-copy' }));
  });
});
