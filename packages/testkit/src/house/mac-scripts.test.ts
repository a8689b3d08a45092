// `scripts/mac-check` does on a Mac what it says, as far as a Mac that is played can show; `scripts/mac-images` leaves
// no format out, and with full counts we accept what it makes.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { repository } from '../repository.js';
import { FULL } from '../seeds.js';

const check = path.join(repository, 'scripts/mac-check');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mac-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Mac {
  /** What `sw_vers` says. */
  readonly version?: string;
  /** What `hdiutil imageinfo -format` says. */
  readonly format?: string;
  readonly kind?: 'hfs' | 'apfs';
  /** The program that refuses everything. */
  readonly refuses?: string;
  readonly passphrase?: string;
}

/** Programs with the names of Apple's that write down how they are called, and say what those say. */
function play(mac: Mac): void {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  const played = `#!/bin/bash
name=$(basename "$0")
all="$*"
[[ $all != *-stdinpass* ]] || given=$(cat)
echo "$name $*\${given:+ <$given}" >>'${folder}/calls'
[ "$name" != '${mac.refuses ?? ''}' ] || exit 8
case "$name $*" in
uname*) echo Darwin ;;
sw_vers*) echo '${mac.version ?? '26.1'}' ;;
'hdiutil imageinfo -format'*) echo '${mac.format ?? 'UDRW'}' ;;
'hdiutil isencrypted'*) echo 'encrypted: YES' ;;
'hdiutil attach'*)
  mounts=\${all##*-mountrandom }
  mounts=\${mounts%% *}
  mkdir "$mounts/dmg.x"
  echo content >"$mounts/dmg.x/file"
  printf '/dev/disk4          \\tGUID_partition_scheme          \\t\\n'
  printf '/dev/disk4s1        \\tApple_HFS                      \\t%s\\n' "$mounts/dmg.x"
  ;;
'diskutil info'*) echo '   Type (Bundle):             ${mac.kind ?? 'hfs'}  ' | sed 's/ *$//' ;;
'diskutil apfs listSnapshots'*) printf '%s\\n' '+-- 0-0' '|   Name:        first' '|   XID:         3' '    Name:        my second' ;;
shasum*) shift 2; sha256sum "$@" ;;
esac
`;
  const names = 'uname sw_vers hdiutil diskutil fsck_hfs fsck_apfs mount_apfs umount shasum ls'.split(' ');
  for (const name of names) {
    writeFileSync(path.join(bin, name), played);
    chmodSync(path.join(bin, name), 0o755);
  }
}

function judged(image: string, mac: Mac, ...more: string[]): { exit: number | null; calls: string[]; output: string } {
  play(mac);
  const { status, stdout, stderr } = spawnSync(check, [image, ...more], {
    input: mac.passphrase ?? '',
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder}/bin:${process.env.PATH}`, TMPDIR: folder },
  });
  return {
    exit: status,
    calls: readFileSync(path.join(folder, 'calls'), 'utf8').trimEnd().split('\n'),
    output: stdout + stderr,
  };
}

test('a read-only image is verified, attached, checked, compared and detached', () => {
  const manifest = path.join(folder, 'manifest');
  writeFileSync(manifest, execFileSync('sha256sum', { input: 'content\n', encoding: 'utf8' }).replace('-', './file'));
  const { exit, calls, output } = judged('a.dmg', { format: 'UDZO' }, manifest);
  expect(output).toMatch(/0 refused\n$/);
  expect(exit).toBe(0);
  expect(calls).toContain('hdiutil verify a.dmg');
  expect(calls).toContain('fsck_hfs -fn /dev/rdisk4s1');
  expect(output).toContain('accepted  contents by the manifest');
  expect(calls.at(-1)).toBe('hdiutil detach /dev/disk4 -quiet');
});

test('a file with other content is refused', () => {
  const manifest = path.join(folder, 'manifest');
  writeFileSync(manifest, `${'0'.repeat(64)}  ./file\n`);
  expect(judged('a.dmg', {}, manifest)).toMatchObject({
    exit: 1,
    output: expect.stringContaining('REFUSED   contents by the manifest'),
  });
});

test('an image without checksums is not verified by hdiutil', () => {
  const { exit, calls } = judged('a.dmg', { format: 'UDRW' });
  expect(exit).toBe(0);
  expect(calls.filter((call) => call.startsWith('hdiutil verify'))).toEqual([]);
});

test('the passphrase goes to each call that opens the image', () => {
  const { exit, calls } = judged('a.dmg', { format: 'ULFO', passphrase: 'judge me' });
  expect(exit).toBe(0);
  const given = calls.filter((call) => call.includes('<judge me')).map((call) => call.split(' ').slice(0, 2).join(' '));
  expect(given).toEqual(['hdiutil imageinfo', 'hdiutil imageinfo', 'hdiutil verify', 'hdiutil attach']);
  expect(calls).toContain('hdiutil isencrypted a.dmg');
});

test('each APFS snapshot is mounted, read and let go', () => {
  const { exit, calls } = judged('a.sparsebundle', { format: 'UDSB', kind: 'apfs' });
  expect(exit).toBe(0);
  expect(calls).toContain('fsck_apfs -n /dev/rdisk4s1');
  const mounted = calls.filter((call) => call.startsWith('mount_apfs')).map((call) => call.replace(/ \S+$/, ''));
  expect(mounted).toEqual([
    'mount_apfs -o rdonly,nobrowse -s first /dev/disk4s1',
    'mount_apfs -o rdonly,nobrowse -s my second /dev/disk4s1',
  ]);
  expect(calls.filter((call) => call.startsWith('umount'))).toHaveLength(2);
});

test('what a checker refuses is exit 1, and the image is detached', () => {
  const { exit, calls, output } = judged('a.dmg', { refuses: 'fsck_hfs' });
  expect(exit).toBe(1);
  expect(output).toContain('REFUSED   fsck_hfs -n /dev/disk4s1 (exit 8)');
  expect(calls.at(-1)).toBe('hdiutil detach /dev/disk4 -quiet');
});

test('an ASIF is not tried before macOS 26', () => {
  expect(judged('a.asif', { version: '15.7' })).toMatchObject({
    exit: 2,
    calls: expect.not.arrayContaining([expect.stringMatching(/^hdiutil attach/)]),
  });
});

test('every format that can be written is among the images to try', () => {
  const script = readFileSync(path.join(repository, 'scripts/mac-images'), 'utf8');
  const help = tintype('create', '--help') + tintype('backup', '--help');
  const formats = new Set(help.match(/\b(sparse(bundle|image)|asif|ud[a-z]{2}|ul[a-z]{2})\b/g));
  expect(formats.size).toBe(9);
  for (const format of formats) expect(script).toMatch(new RegExp(`\\b${format}\\b`));
  for (const kind of ['apm', '--segment-size', '--snapshot', 'encrypted-raw']) expect(script).toContain(kind);
});

test.runIf(FULL)('the images to try are accepted by verify, and hold what the manifest says', () => {
  const images = path.join(folder, 'images');
  execFileSync(path.join(repository, 'scripts/mac-images'), [images]);
  const all = readdirSync(images).filter((name) => name !== 'manifest' && !name.endsWith('.dmgpart'));
  expect(all.length).toBeGreaterThan(30);
  for (const name of all) {
    const restored = path.join(folder, 'restored');
    tintype('verify', path.join(images, name));
    tintype('restore', path.join(images, name), restored);
    execFileSync('sha256sum', ['--check', '--quiet', path.join(images, 'manifest')], { cwd: restored });
    rmSync(restored, { recursive: true });
  }
});

function tintype(...args: string[]): string {
  const env = { ...process.env, TINTYPE_PASSPHRASE: 'judge me', TINTYPE_HOME: path.join(folder, 'home') };
  return execFileSync(path.join(repository, 'node_modules/.bin/tintype'), args, { encoding: 'utf8', env });
}
