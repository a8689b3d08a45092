import { PassphraseError, Progress } from '@tintype/core';
import { createImage } from '@tintype/image';
import { MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { hostContext } from '../host-context.js';
import { UsageError } from '../usage-error.js';
import { passwd } from './passwd.js';

test('both passphrases are needed, and the new one may not be empty', () => {
  const store = new MemoryStore();
  const holder = { ...hostContext().holder, heartbeat: 0 };
  const [one, two] = [Buffer.from('one'), Buffer.from('two')];
  const options = { format: 'sparseimage', size: 1 << 20, waitLock: 0, holder, kdfRounds: 1 } as const;
  createImage(store, 'x', { ...options, encryption: 'aes-128', passphrase: one }).close();
  const events: EngineEvent[] = [];
  const emit = (event: EngineEvent) => events.push(event);
  const context = { ...hostContext(), store, holder, progress: new Progress(), emit };
  const image = { image: 'x', kdfRounds: 1000 };
  expect(() => passwd({ ...image, passphrase: one }, context)).toThrow(PassphraseError);
  expect(() => passwd({ ...image, newPassphrase: two }, context)).toThrow(PassphraseError);
  expect(() => passwd({ ...image, passphrase: one, newPassphrase: Buffer.alloc(0) }, context)).toThrow(UsageError);
  expect(passwd({ ...image, passphrase: one, newPassphrase: two }, context)).toMatchObject({ otherKeys: 0 });
  expect(() => passwd({ ...image, passphrase: one, newPassphrase: two }, context)).toThrow(PassphraseError);
  expect(events).toEqual([]);
});
