// Encrypted APFS volumes through the whole stack: the right passphrase, a wrong one, none.

import { fixture, unpackFixture, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { hostContext } from './host-context.js';
import { content } from './operations/browse.js';
import { openStack } from './stack.js';

const encrypted = 'apfs/filevault-volume.img.gz';

test.skipIf(fixture(encrypted).skip)('an encrypted volume opens with its passphrase, and only with it', () => {
  withFolder((folder) => {
    const image = unpackFixture(encrypted, folder);
    const open = (passphrase?: Uint8Array) => openStack(image, { ...hostContext(), writable: false, passphrase });
    const stack = open(Buffer.from('hunter2hunter2'));
    const text = Buffer.concat([...content(stack.volume, '/secret.txt')].map((piece) => Buffer.from(piece)));
    expect(text.toString()).toBe('secret content for the encrypted volume\n');
    stack.abandon();
    expect(() => open(Buffer.from('hunter3'))).toThrow(expect.objectContaining({ code: 'passphrase-wrong' }));
    expect(() => open()).toThrow(expect.objectContaining({ code: 'passphrase-missing' }));
    // Nothing is held by an attempt that failed.
    open(Buffer.from('hunter2hunter2')).abandon();
  });
});
