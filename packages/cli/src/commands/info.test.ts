import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { json, tintype } from '../built.testing.js';

const MIB = 1 << 20;

function withSource(body: (folder: string, source: string) => void): void {
  withFolder((folder) => {
    const source = join(folder, 'source');
    mkdirSync(source);
    body(folder, source);
  });
}

test('B11: zeros are not stored, and info says why an image takes more or less than what is in it', () =>
  withSource((folder, source) => {
    const image = join(folder, 'b.sparsebundle');
    writeFileSync(join(source, 'a'), randomBytes(MIB));
    writeFileSync(join(source, 'b'), Buffer.alloc(40 * MIB));
    writeFileSync(join(source, 'c'), randomBytes(MIB));
    const backUp = (...words: string[]) => tintype('backup', source, image, '--no-safetynet', '--quiet', ...words);
    expect(backUp('--fs', 'hfs+', '--size', '1g').status).toBe(0);
    const { container, volumes } = json<ImageInfo>('info', image);
    expect(volumes[0]?.used).toBeGreaterThan(42 * MIB);
    expect(container.hostBytes).toBeLessThan(12 * MIB);
    const { stdout } = tintype('info', image);
    expect(stdout).toMatch(/^not stored: .* MB that the volumes use: zeros take no room on the host$/m);
    expect(stdout).toMatch(/^reclaimable: /m);
    expect(tintype('diff', source, image, '--checksum').status).toBe(0);
  }));

test('B7: an image is what its content says, under any name, and shows what is in it before it is written to', () =>
  withSource((folder, source) => {
    writeFileSync(join(source, 'a'), 'a');
    for (const [made, name] of [
      ['x.sparsebundle', 'x.backupbundle'],
      ['y.sparseimage', 'y.of-last-year'],
    ] as const) {
      const image = join(folder, name);
      expect(tintype('backup', source, join(folder, made), '--size', '64m', '--quiet').status).toBe(0);
      renameSync(join(folder, made), image);
      expect(json<ImageInfo>('info', image)).toMatchObject({
        container: { format: made.slice(2) },
        volumes: [{ name: made[0], files: expect.any(Number) }],
      });
      expect(tintype('backup', source, image)).toMatchObject({
        status: 0,
        stderr: expect.stringContaining('1 unchanged'),
      });
    }
    const machine = join(folder, 'm.sparsebundle');
    cpSync(join(folder, 'x.backupbundle'), machine, { recursive: true });
    writeFileSync(join(machine, 'com.apple.TimeMachine.MachineID.plist'), '');
    expect(tintype('backup', source, machine)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Time Machine'),
    });
    expect(tintype('backup', source, machine, '--allow-time-machine').status).toBe(0);
  }));

test('B48: everything, a folder or a file comes back, from any snapshot, and nothing at the target is lost', () =>
  withSource((folder, source) => {
    const image = join(folder, 'b.sparsebundle');
    const target = join(folder, 'target');
    mkdirSync(join(source, 'sub'));
    writeFileSync(join(source, 'sub/file'), 'first');
    expect(
      tintype('backup', source, image, '--fs', 'apfs', '--size', '64m', '--snapshot', 'one', '--quiet').status,
    ).toBe(0);
    writeFileSync(join(source, 'sub/file'), 'second');
    expect(tintype('backup', source, image, '--quiet').status).toBe(0);
    const restore = (...words: string[]) => tintype('restore', image, target, ...words);
    const read = (path: string) => tintype('cat', image, path).stdout;
    expect(restore('--dry-run')).toMatchObject({ status: 0, stdout: expect.stringContaining('would be restored') });
    expect(restore('--snapshot', 'one').status).toBe(0);
    expect(tintype('diff', target, source, '--checksum').stdout).toContain('content: /sub/file');
    // What is there and differs stays, and is told.
    expect(restore()).toMatchObject({ status: 3, stderr: expect.stringContaining('/sub/file') });
    expect(tintype('diff', target, source, '--checksum').status).toBe(3);
    expect(restore('--overwrite', 'always').status).toBe(0);
    expect(tintype('diff', target, source, '--checksum', '--path', '/sub').status).toBe(0);
    for (const path of ['/sub', '/sub/file']) {
      rmSync(target, { recursive: true });
      mkdirSync(target);
      expect(restore('--path', path, '--snapshot', 'one').status, path).toBe(0);
    }
    expect(read('/sub/file')).toBe('second');
  }));

test('of an encrypted image its format and capacity are told to those who have the passphrase, whatever is on the disk', () =>
  withFolder((folder) => {
    const [disk, image, secret] = ['disk.img', 'x.dmg', 'secret'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const bytes = Buffer.alloc(MIB);
    bytes.writeUInt16BE(0x55aa, 510);
    writeFileSync(disk, bytes);
    writeFileSync(secret, 'secret');
    const unlocked = ['--passphrase-file', secret];
    const making = ['--encryption', 'aes-256', '--kdf-rounds', '1000', '--format', 'ulfo'];
    expect(tintype('convert', disk, image, ...making, ...unlocked).status).toBe(0);
    const closed = tintype('info', image).stdout;
    expect(closed).toMatch(
      /^format: {6}only its passphrase tells\n.*needed for more\ncapacity: {4}only its passphrase/,
    );
    const { encryption, ...unknown } = json<ImageInfo>('info', image).container;
    expect(unknown).toMatchObject({ format: null, size: null, hostBytes: expect.any(Number) });
    expect(encryption).toEqual({ algorithm: 'AES', keyBits: 256, iterations: 1000 });
    expect(json<ImageInfo>('info', image, ...unlocked).container).toMatchObject({ format: 'ulfo', size: MIB });
    const open = tintype('info', image, ...unlocked).stdout;
    expect(open).toMatch(/^format: {6}ulfo\nencryption: {2}AES-256, 1000 rounds\ncapacity: {4}1.05 MB\n/);
  }));
