import { CorruptError } from '@tintype/core';
import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { type PlistValue, parsePlist as parseBytes } from './plist.js';

const parsePlist = (text: string): PlistValue => parseBytes(Buffer.from(text));

const HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "x">\n';

test('every element that Apple writes', () => {
  const list = parsePlist(`${HEAD}<!-- a > comment --><plist version="1.0">
<dict>
  <key>a &amp; b</key><string>&lt;x&gt; &#x263A;&#65; &quot;&apos;</string>
  <key>data</key>
  <data>
  AAEC
  AwQ=
  </data>
  <key>n</key><integer>18446744073709551615</integer>
  <key>r</key><real>1.5</real><key>d</key><date>2026-01-02T03:04:05Z</date>
  <key>t</key><true/><key>f</key><false/><key>empty</key><string/><key>none</key><data/>
  <key>list</key><array><string> kept </string><dict/><array/></array>
</dict>
</plist>
`);
  expect(list).toEqual(
    new Map<string, PlistValue>([
      ['a & b', '<x> ☺A "\''],
      ['data', Buffer.from([0, 1, 2, 3, 4])],
      ['n', '18446744073709551615'],
      ['r', '1.5'],
      ['d', '2026-01-02T03:04:05Z'],
      ['t', true],
      ['f', false],
      ['empty', ''],
      ['none', Buffer.alloc(0)],
      ['list', [' kept ', new Map(), []]],
    ]),
  );
});

test.each([
  ['nothing', ''],
  ['no list', 'hello'],
  ['no value', '<plist></plist>'],
  ['two values', '<plist><true/><true/></plist>'],
  ['a value outside', '<true/>'],
  ['no end', '<plist><dict>'],
  ['a tag without an end', '<plist><dict'],
  ['ends that cross', '<plist><dict></plist></dict>'],
  ['a key without a value', '<plist><dict><key>a</key></dict></plist>'],
  ['two keys', '<plist><dict><key>a</key><key>b</key><true/></dict></plist>'],
  ['a value without a key', '<plist><dict><true/></dict></plist>'],
  ['a key in an array', '<plist><array><key>a</key></array></plist>'],
  ['an unknown element', '<plist><set/></plist>'],
  ['an unknown leaf', '<plist><blob>x</blob></plist>'],
  ['text between', '<plist>x<true/></plist>'],
  ['entities declared', '<!DOCTYPE plist [<!ENTITY a "b">]><plist><string>&a;</string></plist>'],
  ['an entity that is not known', '<plist><string>&nbsp;</string></plist>'],
  ['an entity without an end', '<plist><string>&amp</string></plist>'],
  ['a character that does not exist', '<plist><string>&#x110000;</string></plist>'],
  ['no base64', '<plist><data>*</data></plist>'],
  ['base64 that is cut off', '<plist><data>AAA</data></plist>'],
  ['nested too deeply', `<plist>${'<array>'.repeat(100_000)}`],
  ['elements in a string', '<plist><string><b>x</b></string></plist>'],
])('refused: %s', (_what, text) => {
  expect(() => parsePlist(text)).toThrow(CorruptError);
});

test('damaged lists', () => {
  const random = new Random(5);
  const good = `${HEAD}<plist><dict><key>k</key><array><dict><key>Data</key><data>AAAA</data></dict></array></dict></plist>`;
  for (let round = 0; round < count(2000, 100_000); round += 1) {
    const bytes = Buffer.from(good);
    for (let i = random.between(1, 3); i > 0; i -= 1)
      bytes[random.below(bytes.length)] = random.pick([...Buffer.from('<>/&;kx "')]);
    try {
      parsePlist(bytes.toString('latin1'));
    } catch (error) {
      expect(error).toBeInstanceOf(CorruptError);
    }
  }
});
