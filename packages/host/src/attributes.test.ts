import { expect, test } from 'vitest';
import { hostXattrName, imageXattrName } from './attributes.js';

test('user attributes lose their namespace, all others keep it', () => {
  expect(imageXattrName('user.note')).toBe('note');
  expect(imageXattrName('user.com.apple.FinderInfo')).toBe('com.apple.FinderInfo');
  expect(imageXattrName('security.capability')).toBe('security.capability');
  expect(imageXattrName('system.posix_acl_access')).toBe('system.posix_acl_access');
  expect(imageXattrName('trusted.x')).toBe('trusted.x');
});

test('a user attribute that would read as another namespace stays whole', () => {
  for (const bare of ['user.a', 'security.a', 'trusted.a', 'system.a', 'com.apple.system.Security']) {
    expect(imageXattrName(`user.${bare}`)).toBe(`user.${bare}`);
  }
});

test('a user attribute that Apple gives a meaning stays whole, and comes back', () => {
  for (const bare of [
    'com.apple.system.Security',
    'com.apple.fs.symlink',
    'com.apple.decmpfs',
    'purgeable-drecs-fixed',
  ]) {
    expect(imageXattrName(`user.${bare}`)).toBe(`user.${bare}`);
    expect(hostXattrName(`user.${bare}`)).toBe(`user.${bare}`);
  }
  expect(imageXattrName('user.com.apple.decmpfs2')).toBe('com.apple.decmpfs2');
});

const parts = ['user.', 'security.', 'trusted.', 'system.', 'com.apple.system.', 'com.apple.fs.', 'a', 'b.'];
const names = parts.flatMap((a) => [a, ...parts.flatMap((b) => [a + b, ...parts.map((c) => a + b + c)])]);

test("the host's names come back, and no two are the same in an image", () => {
  const hostNames = names.filter((name) => /^(user|security|trusted|system)\../.test(name));
  expect(hostNames.length).toBeGreaterThan(200);
  for (const name of hostNames) expect(hostXattrName(imageXattrName(name))).toBe(name);
  expect(new Set(hostNames.map(imageXattrName)).size).toBe(hostNames.length);
});

test("an image's names come back but for those that have no place: user.X of X, and Apple's own", () => {
  const lost = names.filter((name) => imageXattrName(hostXattrName(name)) !== name);
  expect(lost).toContain('user.a');
  expect(lost).not.toContain('user.user.a');
  expect(lost.filter((name) => !/^(user\.[ab]|com\.apple\.(system|fs)\.)/.test(name))).toEqual([]);
});
