import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fsckHfsplus, qemuConvert, withFolder, withOracle } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { basic, events, json, sha256, tintype } from '../built.testing.js';

const qemu = withOracle('qemu-img');
const fsck = withOracle('fsck.hfsplus');

test.skipIf(basic.skip || qemu.skip)('the whole disk: the bytes that another reader finds', () => {
  withFolder((folder) => {
    const [ours, theirs] = [join(folder, 'ours.raw'), join(folder, 'theirs.raw')];
    expect(events('raw', basic.path, ours, '--as-is')).toMatchObject({
      status: 0,
      last: { type: 'summary', out: ours },
    });
    expect(qemuConvert(basic.path, theirs).ok).toBe(true);
    const [a, b] = [readFileSync(ours), readFileSync(theirs)];
    const length = Math.max(a.length, b.length);
    const padded = (bytes: Buffer) => sha256(Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]));
    expect(Math.abs(a.length - b.length)).toBeLessThan(512);
    expect(padded(a)).toBe(padded(b));
  });
});

test.skipIf(basic.skip || fsck.skip)('one partition: a volume that the foreign checker accepts, with holes', () => {
  withFolder((folder) => {
    const out = join(folder, 'v.raw');
    expect(tintype('raw', basic.path, out, '--volume', 'HFSTEST').status).toBe(0);
    expect(fsckHfsplus(out)).toMatchObject({ ok: true });
    const { size, blocks } = statSync(out);
    expect(size).toBe(16_736_256);
    expect(blocks * 512).toBeLessThan(4_000_000);
    expect(json<{ volumes: unknown[] }>('info', out).volumes).toMatchObject([{ name: 'HFSTEST' }]);
  });
});

test.skipIf(basic.skip)('what stands at OUT stays, unless --overwrite; and nothing half-done is left', () => {
  withFolder((folder) => {
    const out = join(folder, 'x.raw');
    writeFileSync(out, 'mine');
    expect(tintype('raw', basic.path, out)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--overwrite'),
    });
    expect(readFileSync(out, 'utf8')).toBe('mine');
    expect(tintype('raw', basic.path, out, '--volume', '7').status).toBe(1);
    expect(tintype('raw', basic.path, out, '--overwrite').status).toBe(0);
    expect(tintype('raw', out, out, '--overwrite')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('the image itself'),
    });
    expect(tintype('raw', basic.path, join(folder, 'none', 'x.raw')).status).toBe(1);
    expect(existsSync(join(folder, 'none'))).toBe(false);
    expect(readdirSync(folder)).toEqual(['x.raw']);
  });
});

test.skipIf(basic.skip)('an image whose checksums are wrong is refused, and copied all the same only if asked', () => {
  withFolder((folder) => {
    const [bad, out] = [join(folder, 'bad.dmg'), join(folder, 'x.raw')];
    expect(tintype('convert', basic.path, bad, '--format', 'udro').status).toBe(0);
    const bytes = readFileSync(bad);
    // A bit of the boot blocks, which no file system looks at.
    const at = bytes.indexOf('H+') - 100;
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(bad, bytes);
    expect(tintype('verify', bad)).toMatchObject({ status: 3, stdout: expect.stringContaining('udif-table-checksum') });
    for (const words of [[], ['--volume', '0']]) {
      expect(tintype('raw', bad, out, ...words)).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/checksum of the clear bytes.*--ignore-checksums/s),
      });
      expect(readdirSync(folder)).toEqual(['bad.dmg']);
    }
    expect(tintype('convert', bad, join(folder, 'y.dmg')).stderr).toMatch(/--ignore-checksums/);
    expect(readdirSync(folder)).toEqual(['bad.dmg']);
    expect(tintype('raw', bad, out, '--ignore-checksums').status).toBe(0);
    expect(tintype('convert', bad, join(folder, 'y.dmg'), '--ignore-checksums').status).toBe(0);
    expect(tintype('ls', bad).status).toBe(0);
  });
});
