// A host whose system calls are not written here: files work by node:fs alone, and what is lost is said.

import { rmSync } from 'node:fs';
import { UnsupportedError } from '@tintype/core';
import { temporaryFolder } from '@tintype/testkit';
import { fileStoreContract } from '@tintype/testkit/contracts';
import { expect, test } from 'vitest';
import { missingCalls, nodeFileStore, openHostFolder } from './index.js';
import { nativeLibrary } from './native.js';

// The library is looked for once, at the first call.
const { platform } = process;
Object.defineProperty(process, 'platform', { value: 'darwin' });
const found = nativeLibrary();
Object.defineProperty(process, 'platform', { value: platform });

test('a folder is refused, with what this host lacks', () => {
  expect(found).toBeNull();
  expect(missingCalls()).toContain('extended attributes');
  const open = () => openHostFolder('.', { writable: false });
  expect(open).toThrow(UnsupportedError);
  expect(open).toThrow(/folders walked by handle.*extended attributes|extended attributes.*folders walked by handle/);
});

fileStoreContract(
  'nodeFileStore by node:fs alone',
  () => {
    const folder = temporaryFolder();
    return { store: nodeFileStore(), folder, dispose: () => rmSync(folder, { recursive: true }) };
  },
  { punches: false, locks: false },
);
