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

test("the host's name comes back", () => {
  for (const name of ['user.a', 'user.user.a', 'user.security.b', 'security.capability', 'trusted.t', 'system.s']) {
    expect(hostXattrName(imageXattrName(name))).toBe(name);
  }
});
