import { readdirSync, readFileSync } from 'node:fs';
import { CorruptError, StoreError } from '@tintype/core';
import { fixture, fixtureBytes, MemoryStore, unpackFixture, withFolder, withOracle } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { formatInfoPlist, parseFlatPlist, parseInfoPlist, readBundleInfo } from './info-plist.js';

const plist = (body: string): Uint8Array => Buffer.from(`<plist version="1.0">\n<dict>${body}</dict>\n</plist>\n`);
const TYPE = '<key>diskimage-bundle-type</key><string>com.apple.diskimage.sparsebundle</string>';
const SIZES = '<key>band-size</key><integer>8388608</integer><key>size</key><integer>40960000</integer>';

describe('the property list of a bundle', () => {
  test.skipIf(fixture('sparse/bundle.zip').skip || withOracle('unzip').skip)(
    'is written byte for byte as macOS does',
    () => {
      withFolder((folder) => {
        unpackFixture('sparse/bundle.zip', folder);
        const name = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((each) =>
          each.endsWith('Info.plist'),
        );
        const real = readFileSync(`${folder}/${name}`, 'utf8');
        expect(formatInfoPlist({ bandSize: 8 << 20, size: 40_960_000 })).toBe(real);
      });
      const real = Buffer.from(fixtureBytes('encrypted/bundle-five-bands.sparsebundle/Info.plist')).toString();
      expect(formatInfoPlist(parseInfoPlist(Buffer.from(real)))).toBe(real);
    },
  );
  test('may have keys that nobody knows, lists and dictionaries among them', () => {
    const more = `<key>a</key><array><dict><key>size</key><integer>1</integer></dict><string/></array>
      <key>b</key><dict/> <key>c</key><true/><key>d</key><dict><key>e</key><array/></dict>
      <key>bundle-backingstore-version</key><integer>2</integer>`;
    expect(parseInfoPlist(plist(more + SIZES + TYPE))).toEqual({ bandSize: 8 << 20, size: 40_960_000, version: 2 });
    expect(parseFlatPlist(plist('').toString())).toEqual(new Map());
  });
  test.each([
    ['', 'plist'],
    ['<plist>', 'plist'],
    ['<plist><dict>', 'plist'],
    ['<plist></dict></plist>', 'plist'],
    ['<plist><dict></plist>', 'plist'],
    ['bplist00', 'plist'],
    ['<plist><array><dict></dict></array></plist>', 'plist'],
    [plist('<string>x</string>'), 'dict'],
    [plist('<key>x</key>'), 'dict'],
    [plist('<key>x</key><array>'), 'dict'],
    [plist('<key>x</key><integer>1</string>'), 'dict'],
    [plist(SIZES), 'diskimage-bundle-type'],
    [plist(TYPE), 'band-size'],
  ] as const)('%j is refused', (text, field) => {
    const parse = (): unknown => parseInfoPlist(Buffer.from(text));
    expect(parse).toThrow(CorruptError);
    expect(parse).toThrow(expect.objectContaining({ structure: 'Info.plist', field }));
  });
  test.each([
    [
      'band-size',
      ['0', '511', '4095', '-8388608', '8388609', '1099511627777', '1e7', '0x800000', '', '9007199254740993'],
    ],
    ['size', ['0', '511', '-512', '513', '9223372036854775808', 'NaN', ' ']],
    ['bundle-backingstore-version', ['0', '3', 'x']],
  ] as const)('absurd values of %s are refused', (key, values) => {
    for (const value of values) {
      const sizes = key === 'bundle-backingstore-version' ? SIZES : SIZES.replace(`<key>${key}</key>`, '<key>x</key>');
      const list = plist(`${sizes}<key>${key}</key><integer>${value}</integer>${TYPE}`);
      expect(() => parseInfoPlist(list)).toThrow(expect.objectContaining({ field: key }));
    }
  });
  const repeated = (part: string): string => part.repeat(Math.floor((64 << 10) / part.length));
  test.each([
    repeated('<plist><dict>'),
    repeated('<plist'),
    repeated('</dict>'),
    `<plist><dict>${repeated('</dict>\n')}`,
    `<plist>${' '.repeat(65_000)}`,
    `<plist><dict>${' '.repeat(65_000)}</dict></plist>`,
    `<plist><dict><key>a</key>${repeated('<array>')}</dict></plist>`,
    `<plist><dict>${repeated('<key>a</key><string>')}</dict></plist>`,
    `<plist><dict>${repeated('<key>a</key><true/>')}</dict></plist>`,
    `<plist><dict>${repeated('<key>')}</dict></plist>`,
  ])('a list made to be slow is read or refused at once (%#)', (text) => {
    const started = performance.now();
    try {
      parseFlatPlist(text);
    } catch (error) {
      expect(error).toBeInstanceOf(CorruptError);
    }
    expect(performance.now() - started).toBeLessThan(300);
  });
});

describe('a bundle whose list is damaged', () => {
  const good = Buffer.from(formatInfoPlist({ bandSize: 1 << 20, size: 4 << 20 }));
  const bundle = (files: Record<string, Uint8Array>): MemoryStore => {
    const store = new MemoryStore();
    store.makeFolder('b');
    for (const [name, bytes] of Object.entries(files)) store.open(`b/${name}`, 'create').write(0, bytes);
    return store;
  };
  test('opens by the copy', () => {
    for (const bad of [Buffer.alloc(0), Buffer.alloc(70_000, 0x20), good.subarray(0, 300)])
      expect(readBundleInfo(bundle({ 'Info.plist': bad, 'Info.bckup': good }), 'b').size).toBe(4 << 20);
    expect(readBundleInfo(bundle({ 'Info.bckup': good }), 'b').size).toBe(4 << 20);
  });
  test('says what is wrong with the list, not with the copy', () => {
    const long = bundle({ 'Info.plist': Buffer.alloc(70_000, 0x20), 'Info.bckup': Buffer.alloc(0) });
    expect(() => readBundleInfo(long, 'b')).toThrow(/70000 bytes are too many/);
    expect(() => readBundleInfo(bundle({}), 'b')).toThrow(StoreError);
  });
});
