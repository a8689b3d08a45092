// Commits of a container: empty ones, so that both rings go round, and unmounting.

import { expect, test } from 'vitest';
import { expectApfsckContent, formatted, mountOptions } from '../container.testing.js';
import { Container } from './container.js';

const MiB = 1 << 20;

test.each([MiB, 64 * MiB, 2e12])('commits without changes go round the rings of %i bytes', (size) => {
  const device = formatted(size);
  const container = new Container(device, mountOptions);
  for (let commit = 0; commit < 20; commit += 1) {
    for (const volume of container.volumes) volume.changed = true;
    container.commit();
    if (commit % 5 === 0 && size < 1e9) expectApfsckContent(device, 'open');
  }
  expect(container.xid).toBe(21);
  const again = new Container(device, mountOptions);
  expect(again.xid).toBe(21);
  expect(again.isMarked).toBe(true);
  again.unmount();
  expectApfsckContent(device);
  const closed = new Container(device, mountOptions);
  expect(closed.isMarked).toBe(false);
  expect(closed.spaceman.available).toBe(container.spaceman.available);
});
