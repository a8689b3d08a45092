import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageInfo } from '@tintype/engine';
import { apfsck, fixture, fsckHfsplus, unpackFixture, withFolder, withOracle } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { ENVIRONMENT, events, json, type Outcome, PROGRAM, tintype } from '../built.testing.js';

const isMissing = fixture('encrypted').skip;
const fsck = withOracle('fsck.hfsplus');

/** With a standard input and variables of its own. */
function call(words: readonly string[], input: string, variables: Record<string, string> = {}): Outcome {
  const options = { input, env: { ...ENVIRONMENT, ...variables } };
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...words], options);
  return { status, stdout: stdout.toString(), bytes: stdout, stderr: stderr.toString() };
}

function put(folder: string, name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** A folder with some content, to be backed up. */
function source(folder: string): string {
  const path = join(folder, 'source');
  mkdirSync(join(path, 'below'), { recursive: true });
  writeFileSync(join(path, 'letter.txt'), 'Dear Sir or Madam');
  writeFileSync(join(path, 'below/large.bin'), Buffer.alloc(3_000_000, 'content '));
  return path;
}

describe.skipIf(isMissing)('images that macOS made', () => {
  test.each([
    ['raw-aes128-v2.dmg', 'vilefault'],
    ['raw-aes256-v2.dmg', 'vilefault'],
    ['raw-aes128-v1.dmg', 'vilefault'],
    ['sparseimage-aes128-v2.sparseimage.gz', 'vilefault'],
    ['sparseimage-aes256-v2.sparseimage.gz', 'vilefault'],
    ['bundle-aes128-v1.sparsebundle', 'vilefault'],
    ['bundle-aes128-v2.sparsebundle', 'vilefault'],
    ['bundle-aes256-v2.sparsebundle', 'vilefault'],
    ['udif-aes256-v2.dmg', 'test123'],
    ['udzo-hfsplus.dmg', 'password'],
  ])('%s: raw writes its clear bytes; without the passphrase exit 4', (name, passphrase) => {
    withFolder((folder) => {
      const image = name.endsWith('.gz')
        ? unpackFixture(`encrypted/${name}`, folder)
        : fixture(`encrypted/${name}`).path;
      const out = join(folder, 'out');
      expect(tintype('raw', image, out)).toMatchObject({ status: 4, stderr: expect.stringContaining('missing') });
      expect(call(['raw', image, out, '--stdinpass'], 'wrong').status).toBe(4);
      expect(readdirSync(folder)).not.toContain('out');
      expect(call(['raw', image, out, '--stdinpass'], passphrase)).toMatchObject({ status: 0 });
      expect(readFileSync(out).length).toBeGreaterThanOrEqual(65_536);
    });
  });

  test('bundle-five-bands.sparsebundle: one text and 43 copies of it', () => {
    const image = fixture('encrypted/bundle-five-bands.sparsebundle').path;
    const { status, stdout } = call(['ls', image, '-R', '--json'], '', { TINTYPE_PASSPHRASE: 'foo' });
    const { items } = JSON.parse(stdout) as { items: { path: string; size: number }[] };
    const texts = items.filter(({ path }) => /\/SampleTextFile_100kb[^/]*\.txt$/.test(path));
    expect([status, texts.length, new Set(texts.map(({ size }) => size))]).toEqual([0, 44, new Set([102_180])]);
    const contents = [texts[0], texts[20], texts[43]]
      .flatMap((text) => text ?? [])
      .map(({ path }) => call(['cat', image, path, '--stdinpass'], 'foo\n').stdout);
    expect(contents.length).toBe(3);
    expect(new Set(contents).size).toBe(1);
    expect(contents[0]).toMatch(/^Lorem ipsum/);
    expect(call(['verify', image, '--data', '--stdinpass'], 'foo').status).toBe(0);
  }, 60_000);
});

test('info says that an image is encrypted, and more with its passphrase', () => {
  withFolder((folder) => {
    const image = join(folder, 'x.sparsebundle');
    const file = put(folder, 'p', 'secret\n');
    const made = ['create', image, '--size', '20m', '--encryption', 'aes-256', '--passphrase-file', file];
    expect(tintype(...made, '--kdf-rounds', '2000').status).toBe(0);
    const encryption = { algorithm: 'AES', keyBits: 256, iterations: 2000 };
    expect(json<ImageInfo>('info', image)).toMatchObject({ container: { encryption }, volumes: [] });
    expect(json<ImageInfo>('info', image, '--passphrase-file', file)).toMatchObject({
      container: { encryption },
      volumes: [{ name: 'x' }],
    });
    expect(tintype('info', image, '--passphrase-file', put(folder, 'q', 'other')).status).toBe(4);
    expect(tintype('inspect', image, 'encryption').stdout).toContain('encrcdsa header');
  });
});

test.skipIf(fsck.skip || withOracle('apfsck').skip).each([
  ['x.sparsebundle', 'aes-128', ['--fs', 'hfs+']],
  ['x.sparsebundle', 'aes-256', ['--band-size', '1m']],
  ['x.sparseimage', 'aes-256', ['--fs', 'hfs+']],
  ['x.dmg', 'aes-128', ['--format', 'udrw']],
])('backup into %s, %s %j: changed, restored, accepted by the foreign checker', (name, encryption, options) => {
  withFolder((folder) => {
    const from = source(folder);
    const image = join(folder, name);
    const pass = ['--passphrase-file', put(folder, 'p', 'secret')];
    const making = ['--size', '24m', '--encryption', encryption, '--kdf-rounds', '1000', ...options];
    expect(events('backup', from, image, ...making, ...pass)).toMatchObject({ status: 0 });
    writeFileSync(join(from, 'letter.txt'), 'Dear all');
    expect(events('backup', from, image, ...pass)).toMatchObject({ status: 0 });
    expect(tintype('diff', from, image, '--checksum', ...pass)).toMatchObject({ status: 0 });
    expect(tintype('restore', image, join(folder, 'back'), ...pass).status).toBe(0);
    expect(readFileSync(join(folder, 'back/letter.txt'), 'utf8')).toBe('Dear all');
    expect(tintype('verify', image, '--data', ...pass).status).toBe(0);
    const raw = join(folder, 'v.raw');
    expect(tintype('raw', image, raw, '--volume', '0', ...pass).status).toBe(0);
    expect((options.includes('hfs+') ? fsckHfsplus : apfsck)(raw)).toMatchObject({ ok: true });
    expect(tintype('backup', from, image).status).toBe(4);
  });
});

test('B36 a new image is not made clear where a passphrase was given, but with AES-256; nor encrypted without one', () => {
  withFolder((folder) => {
    const from = source(folder);
    const image = join(folder, 'x.sparsebundle');
    const pass = ['--passphrase-file', put(folder, 'p', 'secret')];
    const making = ['--size', '20m', '--kdf-rounds', '1000'];
    for (const [i, words] of [['create'], ['backup', from], ['backup', from]].entries()) {
      const made = join(folder, ['c.sparseimage', 'b.sparsebundle', 'archive.dmg'][i] ?? '');
      expect(tintype(...words, made, ...making, ...pass).status).toBe(0);
      expect(json<ImageInfo>('info', made).container.encryption).toMatchObject({ algorithm: 'AES', keyBits: 256 });
      expect(tintype('ls', made).status).toBe(4);
      expect(tintype('ls', made, ...pass).status).toBe(0);
      rmSync(made, { recursive: true });
    }
    const smaller = join(folder, 'smaller.dmg');
    expect(tintype('create', smaller, ...making, '--encryption', 'aes-128', ...pass).status).toBe(0);
    expect(json<ImageInfo>('info', smaller).container.encryption).toMatchObject({ keyBits: 128 });
    rmSync(smaller);
    expect(tintype('create', image, '--size', '20m', '--encryption', 'aes-128').status).toBe(4);
    expect(
      call(['create', image, '--size', '20m', '--encryption', 'aes-128', '--stdinpass'], '').status,
    ).toBeGreaterThan(1);
    expect(readdirSync(folder).sort()).toEqual(['p', 'source']);
    expect(tintype('create', image, '--size', '20m', '--encryption', 'none', ...pass).status).toBe(0);
  });
});

test('passwd: the old passphrase opens it no more, the data stay; wrong ones change nothing', () => {
  withFolder((folder) => {
    const from = source(folder);
    const image = join(folder, 'x.sparsebundle');
    const making = ['--size', '24m', '--encryption', 'aes-256', '--kdf-rounds', '1000', '--stdinpass'];
    expect(call(['backup', from, image, ...making], 'one').status).toBe(0);
    const change = ['passwd', image, '--stdinpass', '--kdf-rounds', '1000'];
    expect(call(change, 'wrong\0two\0').status).toBe(4);
    expect(call(change, 'one\0').status).toBe(4);
    expect(call(change, 'one\0\0').status).toBe(2);
    expect(call(['ls', image, '--stdinpass'], 'one').status).toBe(0);
    expect(call(change, 'one\0two\0').status).toBe(0);
    expect(call(['ls', image, '--stdinpass'], 'one').status).toBe(4);
    expect(call(['cat', image, '/letter.txt', '--stdinpass'], 'two').stdout).toBe('Dear Sir or Madam');
    const files = ['--passphrase-file', put(folder, 'a', 'two'), '--new-passphrase-file', put(folder, 'b', 'three')];
    expect(tintype('passwd', image, ...files).status).toBe(0);
    const variables = { TINTYPE_PASSPHRASE: 'three', TINTYPE_NEW_PASSPHRASE: 'four' };
    expect(call(['passwd', image, '--json'], '', variables).status).toBe(0);
    expect(call(['ls', image], '', { TINTYPE_PASSPHRASE: 'four' }).status).toBe(0);
  });
});

test.skipIf(isMissing)('passwd: version 1 is only read, and what is clear has no passphrase', () => {
  withFolder((folder) => {
    const image = join(folder, 'x.dmg');
    cpSync(fixture('encrypted/raw-aes128-v1.dmg').path, image);
    const before = readFileSync(image);
    expect(call(['passwd', image, '--stdinpass'], 'vilefault\0new\0')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('convert'),
    });
    expect(readFileSync(image).equals(before)).toBe(true);
    const clear = join(folder, 'y.sparsebundle');
    expect(tintype('create', clear, '--size', '20m').status).toBe(0);
    expect(call(['passwd', clear, '--stdinpass'], 'a\0b\0').status).toBe(1);
  });
});

test('two encrypted images, each with its own passphrase', () => {
  withFolder((folder) => {
    const from = source(folder);
    const [a, b] = [join(folder, 'a.sparsebundle'), join(folder, 'b.sparsebundle')];
    const making = ['--size', '24m', '--encryption', 'aes-128', '--kdf-rounds', '1000'];
    expect(call(['backup', from, a, ...making, '--stdinpass'], 'one').status).toBe(0);
    expect(call(['backup', a, b, ...making, '--stdinpass'], 'one\0two\0').status).toBe(0);
    expect(call(['diff', a, b, '--checksum', '--stdinpass'], 'one\0two').status).toBe(0);
    expect(call(['diff', a, b, '--stdinpass'], 'one').status).toBe(4);
    expect(call(['diff', from, b, '--stdinpass'], 'two').status).toBe(0);
    expect(call(['diff', b, a, '--stdinpass', '--new-passphrase-file', put(folder, 'p', 'one')], 'two').status).toBe(0);
  });
});
