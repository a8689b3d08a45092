import { expect, test } from 'vitest';
import { hostNameAsStored, hostNameKey } from './names.js';

test('Windows holds no name that it would read as another one', () => {
  const refused = [
    'a:b',
    'a\\b',
    'what?',
    'a*',
    '<',
    'tab\t',
    'dot.',
    'blank ',
    'CON',
    'nul.txt',
    'Com1',
    'lpt\u00b9.x',
    '..',
  ];
  for (const name of refused) expect(hostNameAsStored(name, 'win32'), name).toBe(null);
  expect(hostNameAsStored('x'.repeat(256), 'win32')).toBe(null);
  expect(hostNameAsStored('not UTF-8 \udce4', 'win32')).toBe(null);
  for (const name of ['.hidden', 'console', 'com10', 'a b', 'é', 'x'.repeat(255)])
    expect(hostNameAsStored(name, 'win32')).toBe(name);
});

test('elsewhere only what is no part of a path is refused', () => {
  for (const name of ['', '.', '..', 'a/b', 'nul\0']) {
    expect(hostNameAsStored(name, 'linux')).toBe(null);
    expect(hostNameAsStored(name, 'darwin')).toBe(null);
  }
  expect(hostNameAsStored('a:b\\c.', 'linux')).toBe('a:b\\c.');
  expect(hostNameAsStored('b\udce4', 'linux')).toBe('b\udce4');
  expect(hostNameAsStored('b\udce4', 'darwin')).toBe(null);
  expect(hostNameAsStored('ü'.repeat(128), 'linux')).toBe(null);
  expect(hostNameAsStored('ü'.repeat(128), 'darwin')).toBe('ü'.repeat(128));
});

test('keys are equal where the host finds one name by the other', () => {
  expect(hostNameKey('A', false, 'win32')).toBe(hostNameKey('a', false, 'win32'));
  expect(hostNameKey('A', true, 'linux')).not.toBe(hostNameKey('a', true, 'linux'));
  expect(hostNameKey('é', true, 'darwin')).toBe(hostNameKey('e\u0301', true, 'darwin'));
  expect(hostNameKey('é', true, 'linux')).not.toBe(hostNameKey('e\u0301', true, 'linux'));
});
