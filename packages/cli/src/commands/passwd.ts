import { hostContext, requireEncrypted } from '@tintype/engine';
import type { CommandBody } from '../command.js';
import { locking } from '../locking.js';
import { printable } from '../output/printable.js';
import { runUnlocked } from '../unlocked.js';
import { kdfRounds } from './create.js';

export const run: CommandBody = (parsed, io) => {
  const [image = ''] = parsed.operands;
  const options = {
    image,
    ...locking(parsed),
    kdfRounds: kdfRounds(parsed),
  };
  requireEncrypted(hostContext().store, image);
  const needs = { passphrases: 'both' } as const;
  const summary = () => `${printable(image)}: the passphrase was changed`;
  return runUnlocked('passwd', options, { parsed, io, needs }, { summary });
};
