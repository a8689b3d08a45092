import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { events, tintype } from '../built.testing.js';

/** Of the volume header in the first band of a new bundle: its count of files. */
const FILE_COUNT = 40 * 512 + 1024 + 32;

function damage(file: string, at: number, bytes: Uint8Array): void {
  const open = openSync(file, 'r+');
  writeSync(open, bytes, 0, bytes.length, at);
  closeSync(open);
}

test('verify names repair, a dry run lists, repair mends and keeps what it overwrote', () => {
  withFolder((folder) => {
    const image = join(folder, 'a.sparsebundle');
    expect(tintype('create', image, '--size', '16m', '--fs', 'hfs+').status).toBe(0);
    const band = join(image, 'bands/0');
    damage(band, FILE_COUNT, Uint8Array.of(0, 0, 0, 7));
    const found = tintype('verify', image);
    expect([found.status, found.stderr]).toEqual([
      3,
      expect.stringContaining(`Run 'tintype repair ${image} --dry-run'`),
    ]);
    const before = readFileSync(band);
    const dry = tintype('repair', image, '--dry-run');
    expect([dry.status, dry.stdout]).toEqual([
      0,
      expect.stringMatching(/^would be mended: partition 0: set fileCount /),
    ]);
    expect(Buffer.compare(readFileSync(band), before)).toBe(0);
    const { status, events: all, last } = events('repair', image);
    expect(status).toBe(0);
    expect(all.find(({ type }) => type === 'result')).toMatchObject({ place: 'partition 0' });
    expect(last).toMatchObject({ type: 'summary', mended: 1, left: 0, undo: `${image}.repair-undo`, problems: [] });
    expect(existsSync(`${image}.repair-undo`)).toBe(true);
    expect(tintype('verify', image).status).toBe(0);
    expect(tintype('repair', image).stderr).toContain('nothing to mend');
  });
});

test('what is left is listed with status 3; a read-only image is not repaired; passphrases are asked for', () => {
  withFolder((folder) => {
    const image = join(folder, 'a.sparsebundle');
    const word = join(folder, 'word');
    writeFileSync(word, 'open');
    const secret = ['--passphrase-file', word];
    expect(tintype('create', image, '--size', '16m', '--fs', 'hfs+', '--encryption', 'aes-256', ...secret).status).toBe(
      0,
    );
    expect(tintype('repair', image).status).toBe(4);
    expect(tintype('repair', image, ...secret).status).toBe(0);
    const band = join(image, 'bands/0');
    damage(band, 40 * 512 + 1024, new Uint8Array(512));
    damage(join(image, 'bands/1'), 0, new Uint8Array());
    const mended = tintype('repair', image, ...secret);
    expect([mended.status, mended.stdout]).toEqual([0, expect.stringContaining('restored the volume header')]);
    const raw = join(folder, 'b.sparsebundle');
    expect(tintype('create', raw, '--size', '16m', '--fs', 'hfs+').status).toBe(0);
    damage(join(raw, 'bands/0'), 512, new Uint8Array(512).fill(1));
    damage(join(raw, 'bands/0'), 40 * 512 + 1024, new Uint8Array(512));
    const archive = join(folder, 'c.dmg');
    expect(tintype('convert', image, archive, '--format', 'udzo', ...secret).status).toBe(0);
    expect(tintype('repair', archive, ...secret).status).toBe(1);
    expect(tintype('repair', join(folder, 'nowhere')).status).toBe(1);
  });
});
