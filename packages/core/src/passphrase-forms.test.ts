import { expect, test } from 'vitest';
import { inEachForm } from './passphrase-forms.js';

/** Every form that is tried, as it was when it was tried. */
function triedFor(passphrase: Uint8Array): string[] {
  const tried: string[] = [];
  inEachForm(passphrase, (form) => {
    tried.push(Buffer.from(form).toString('latin1'));
    return null;
  });
  return tried;
}
const latin1 = (text: string) => Buffer.from(text).toString('latin1');

test('as typed first, then the forms that are other bytes', () => {
  expect(triedFor(Buffer.from('café'))).toEqual([latin1('café'), latin1('cafe\u0301')]);
  expect(triedFor(Buffer.from('cafe\u0301'))).toEqual([latin1('cafe\u0301'), latin1('café')]);
  // Neither form: the Ångström sign.
  expect(triedFor(Buffer.from('\u212b'))).toEqual([latin1('\u212b'), latin1('\u00c5'), latin1('A\u030a')]);
  expect(triedFor(Buffer.from('plain'))).toEqual(['plain']);
  expect(triedFor(Buffer.from(''))).toEqual(['']);
  expect(triedFor(Buffer.from('字'))).toEqual([latin1('字')]);
});

test('stops at the first that is right, and answers what it answered', () => {
  const seen: number[] = [];
  const attempt = (form: Uint8Array) => {
    seen.push(form.length);
    return form.length === 6 ? 'open' : null;
  };
  expect(inEachForm(Buffer.from('café'), attempt)).toBe('open');
  expect(seen).toEqual([5, 6]);
});

test('the forms are wiped, the passphrase is not', () => {
  const passphrase = Buffer.from('Grüße');
  const forms: Uint8Array[] = [];
  expect(
    inEachForm(passphrase, (form) => {
      forms.push(form);
      return null;
    }),
  ).toBeNull();
  expect(forms.map((form) => form.some((byte) => byte !== 0))).toEqual([true, false]);
  expect(passphrase.toString()).toBe('Grüße');
});

test.each(['c3', 'c328', 'c0af', 'e08080', 'eda080', 'f4908080', 'f8888080', 'ff', '80', 'e282'])(
  '%s is no UTF-8, and is tried as it is',
  (bytes) => {
    const passphrase = Buffer.concat([Buffer.from('é'), Buffer.from(bytes, 'hex')]);
    expect(triedFor(passphrase)).toEqual([passphrase.toString('latin1')]);
  },
);

test('character by character is the same as all at once, for every code point between others', () => {
  const around = ['a', 'e\u0301', '\u1100', '\u1161', '\uac00', '\u11a8', '\u0c46', '\u{1099b}', '字'];
  const wrong: string[] = [];
  for (let code = 0x80; code < 0x2_0000; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const before = around[code % around.length] as string;
    const after = around[(code * 7 + 3) % around.length] as string;
    const text = `${before}${String.fromCodePoint(code)}${after}\u0323`;
    const expected = new Set([text, text.normalize('NFC'), text.normalize('NFD')].map(latin1));
    if (triedFor(Buffer.from(text)).join('|') !== [...expected].join('|')) wrong.push(code.toString(16));
  }
  expect(wrong).toEqual([]);
});

test('letters that join with the one before', () => {
  for (const text of [
    '\u1112\u1161\u11ab',
    '\ud55c',
    '\u09c7\u09be',
    '\u{16d63}\u{16d67}',
    '\u{11347}\u{1133e}',
    '\u0958',
  ])
    expect(triedFor(Buffer.from(text))).toEqual([
      ...new Set([text, text.normalize('NFC'), text.normalize('NFD')].map(latin1)),
    ]);
});
