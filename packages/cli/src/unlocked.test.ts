import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassphraseError } from '@tintype/core';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { Parsed } from './command.js';
import { runUnlocked } from './unlocked.js';

const io = { call: { command: 'passwd', image: 'x' }, json: false, quiet: true, verbose: false, isTerminal: false };
const parsed = (values: Parsed['values']): Parsed => ({ values, operands: ['x'], filters: [] });

test('where two passphrases are needed, one is not enough, and nobody is there to be asked', async () => {
  const needs = { passphrases: 'both' } as const;
  const call = (values: Parsed['values']) =>
    runUnlocked('passwd', { image: 'x' }, { parsed: parsed(values), io, needs }, {});
  await expect(call({})).rejects.toThrow(PassphraseError);
  await withFolder(async (folder) => {
    const file = join(folder, 'p');
    writeFileSync(file, 'one');
    await expect(call({ 'passphrase-file': file })).rejects.toMatchObject({ code: 'passphrase-missing-new' });
  });
});
