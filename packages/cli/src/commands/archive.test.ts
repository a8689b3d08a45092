// Backups to read-only images by the built command, judged by foreign programs.

import { spawnSync } from 'node:child_process';
import { createReadStream, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  apfsck,
  count,
  fsckHfsplus,
  qemuConvert,
  Random,
  shared,
  temporaryFolder,
  withFolder,
  withOracle,
} from '@tintype/testkit';
import { expect, test } from 'vitest';
import { ENVIRONMENT, events, json, PROGRAM, tintype } from '../built.testing.js';

/** Text, noise, and a file that is larger than a chunk. */
function tree(folder: string): string {
  const source = join(folder, 'source');
  mkdirSync(join(source, 'sub'), { recursive: true });
  const random = new Random(21);
  for (let i = 0; i < 40; i += 1)
    writeFileSync(join(source, 'sub', `file-${i}`), Buffer.alloc(random.below(20_000), `all work ${i} `));
  writeFileSync(join(source, 'noise'), random.bytes(300_000));
  writeFileSync(join(source, 'text'), Buffer.alloc(1_300_000, 'and no play '));
  return source;
}

const isMissing = ['7zz', 'qemu-img', 'fsck.hfsplus', 'apfsck'].some((name) => withOracle(name as '7zz').skip);
const modi = join(shared, 'oracles/modi-read');

test.skipIf(isMissing).each([
  ['udzo', 'apfs'],
  ['udzo', 'hfs+'],
  ['udro', 'apfs'],
  ['udbz', 'hfs+'],
  ['ulfo', 'apfs'],
  ['ulmo', 'hfs+'],
])('foreign readers agree with an archive %s of %s', (format, fs) => {
  withFolder((folder) => {
    const source = tree(folder);
    const image = join(folder, 'x.dmg');
    expect(tintype('backup', source, image, '--format', format, '--fs', fs).status).toBe(0);
    const { status, stdout } = spawnSync(withOracle('7zz').path, ['t', '-tdmg', image], { encoding: 'utf8' });
    expect([status, /warning|error/i.test(stdout)]).toEqual([0, false]);
    expect(tintype('verify', image, '--data').status).toBe(0);
    expect(tintype('diff', source, image, '--checksum').status).toBe(0);
    const disk = join(folder, 'disk');
    expect(tintype('raw', image, disk).status).toBe(0);
    if (format === 'udzo' || format === 'udro') {
      const other = join(folder, 'by-qemu');
      expect(qemuConvert(image, other).ok).toBe(true);
      expect(readFileSync(other).equals(readFileSync(disk))).toBe(true);
    }
    // libmodi knows no LZMA, and of bzip2 no chunk of two blocks.
    if (format !== 'ulmo' && format !== 'udbz') {
      const other = join(folder, 'by-modi');
      const run = spawnSync('python3', [modi, image, other], { encoding: 'utf8' });
      if (!/No such file|cannot open shared/.test(run.stderr)) {
        expect([run.status, run.stderr]).toEqual([0, '']);
        expect(readFileSync(other).equals(readFileSync(disk))).toBe(true);
      }
    }
    const volume = join(folder, 'volume');
    expect(tintype('raw', image, volume, '--volume', '0', '--as-is').status).toBe(0);
    const verdict = fs === 'apfs' ? apfsck(volume) : fsckHfsplus(volume);
    expect([verdict.ok, verdict.output]).toEqual([true, verdict.output]);
    const out = join(folder, 'out');
    mkdirSync(out);
    expect(tintype('restore', image, out, '--path', '/sub').status).toBe(0);
    expect(readdirSync(out, { recursive: true }).length).toBeGreaterThanOrEqual(40);
  });
});

test('B33: a read-only image carries checksums, a changed byte shows, and it is never written to', () => {
  withFolder((folder) => {
    const source = tree(folder);
    const image = join(folder, 'x.dmg');
    const { last } = events('backup', source, image);
    expect(last).toMatchObject({ type: 'summary', archive: { bytes: statSync(image).size } });
    expect(tintype('backup', source, image)).toMatchObject({ status: 1, stderr: expect.stringContaining('--replace') });
    const bytes = readFileSync(image);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    writeFileSync(image, bytes);
    expect(tintype('verify', image).status).toBe(3);
    // It is still the archive that there is: replacing it needs no more than the word.
    expect(tintype('backup', source, image, '--replace', '--keep', '1').status).toBe(0);
    expect(tintype('verify', image).status).toBe(0);
    expect(readFileSync(join(folder, 'x.1.dmg')).equals(bytes)).toBe(true);
    expect(json<{ container: { format: string } }>('info', image).container.format).toBe('udzo');
  });
});

const KILLS = count(4, 60);
test('killed at any moment, the old archive is there, and the next run leaves nothing behind', {
  timeout: 600_000,
}, () => {
  withFolder((folder) => {
    const source = tree(folder);
    const image = join(folder, 'x.dmg');
    const start = performance.now();
    expect(tintype('backup', source, image).status).toBe(0);
    const whole = performance.now() - start;
    const random = new Random(5);
    let killed = 0;
    for (let round = 0; round < KILLS; round += 1) {
      const before = readFileSync(image);
      const run = spawnSync(process.execPath, [PROGRAM, 'backup', source, image, '--replace', '--quiet'], {
        env: ENVIRONMENT,
        timeout: Math.max(1, Math.round(whole * (0.1 + 0.9 * random.fraction()))),
        killSignal: 'SIGKILL',
      });
      if (run.signal === 'SIGKILL') killed += 1;
      if (!readFileSync(image).equals(before)) expect(tintype('verify', image).status).toBe(0);
    }
    expect(killed).toBeGreaterThan(0);
    expect(tintype('backup', source, image, '--replace').status).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['source', 'x.dmg']);
  });
});

const MEGABYTES = count(3, 40);
test.skipIf(withOracle('strace').skip)(
  'B41: no clear text, and no file but the archive, reaches the host',
  async () => {
    await withFolderAsync(async (folder) => {
      const source = join(folder, 'source');
      mkdirSync(source);
      // Without compression: what would be seen if it were not encrypted.
      const line = 'nobody may read this line on the disk, never ';
      writeFileSync(join(source, 'text'), Buffer.alloc(MEGABYTES << 20, line));
      const [image, log, secret] = ['x.dmg', 'log', 'secret'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      writeFileSync(secret, 'open sesame');
      const options = [
        '--format',
        'udro',
        '--encryption',
        'aes-256',
        '--kdf-rounds',
        '1000',
        '--passphrase-file',
        secret,
      ];
      const calls = 'trace=write,pwrite64,writev,pwritev,sendto,openat,mmap';
      const words = ['-f', '-s', '65536', '-e', calls, '-o', log, process.execPath, PROGRAM, 'backup', source, image];
      const { status } = spawnSync(withOracle('strace').path, [...words, ...options], { env: ENVIRONMENT });
      expect(status).toBe(0);
      const seen = await readLog(log, line.slice(0, 20), folder);
      expect(seen.clear).toEqual([]);
      expect(seen.writes).toBeGreaterThan(10);
      expect(seen.shared).toEqual([]);
      for (const path of seen.made)
        expect(path).toMatch(/^(\.x\.dmg\.tintype\.new|\.\.x\.dmg\.tintype\.new\.tintype\.lease\.\d+)$/);
      expect(readdirSync(folder).sort()).toEqual(['log', 'secret', 'source', 'x.dmg']);
      expect(tintype('verify', image, '--data', '--passphrase-file', secret).status).toBe(0);
    });
  },
);

interface Calls {
  writes: number;
  /** Writes that hold the text; files mapped to be written. */
  readonly clear: string[];
  readonly shared: string[];
  /** Files that were made in the folder, and everywhere else but where the command remembers things. */
  readonly made: string[];
}

async function readLog(log: string, text: string, folder: string): Promise<Calls> {
  const calls: Calls = { writes: 0, clear: [], shared: [], made: [] };
  for await (const line of createInterface({
    input: createReadStream(log, 'latin1'),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    if (/^\d+ +(pwrite64|write|writev|pwritev|sendto)\(/.test(line)) {
      calls.writes += 1;
      if (line.includes(text)) calls.clear.push(line.slice(0, 200));
    }
    if (
      line.includes('mmap(') &&
      line.includes('PROT_WRITE') &&
      line.includes('MAP_SHARED') &&
      !line.includes('MAP_ANONYMOUS')
    )
      calls.shared.push(line.slice(0, 200));
    const path = /openat\(AT_FDCWD, "([^"]*)", [A-Z_|]*O_CREAT/.exec(line)?.[1];
    if (path !== undefined && !path.startsWith(ENVIRONMENT.TINTYPE_HOME))
      calls.made.push(path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path);
  }
  return calls;
}

async function withFolderAsync(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = temporaryFolder();
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('an archive that failed leaves nothing behind, nor does the lease that it was made under', () => {
  withFolder((folder) => {
    const source = tree(folder);
    const out = join(folder, 'out');
    mkdirSync(out);
    const { status, stderr } = tintype('backup', source, join(out, 'x.dmg'), '--size', '1m');
    expect([status, stderr]).toEqual([1, expect.stringMatching(/the volume is full: 1\.10 MB needed, \d+ kB free/)]);
    expect(readdirSync(out)).toEqual([]);
  });
});
