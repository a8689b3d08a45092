import { expect, test } from 'vitest';
import { NewInPackages, packageAt } from './packages.js';

test('the outermost package on a path, by the extension of a folder', () => {
  expect(packageAt('')).toBeNull();
  expect(packageAt('/a/b')).toBeNull();
  expect(packageAt('/a/Mail.APP')).toBe('/a/Mail.APP');
  expect(packageAt('/a/X.photoslibrary/inner.app/c')).toBe('/a/X.photoslibrary');
  expect(packageAt('/.app/app/x.application')).toBeNull();
});

test('what is new in packages stands for all below it; elsewhere nothing is remembered', () => {
  const made = new NewInPackages();
  for (const path of ['/a', '/p.app/new', '/p.app/new/deep']) made.add(path);
  expect(made.has('/a')).toBe(false);
  expect(made.has('/p.app')).toBe(false);
  expect(made.has('/p.app/new/deep/er')).toBe(true);
  expect(made.has('/p.app/newer')).toBe(false);
});
