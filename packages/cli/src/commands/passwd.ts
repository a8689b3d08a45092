import { text } from '../arguments.js';
import type { CommandBody } from '../command.js';
import { printable } from '../output/printable.js';
import { parseDuration } from '../quantities.js';
import { runUnlocked } from '../unlocked.js';
import { kdfRounds } from './create.js';

export const run: CommandBody = (parsed, io) => {
  const [image = ''] = parsed.operands;
  const waitLock = text(parsed, 'wait-lock');
  const options = {
    image,
    waitLock: waitLock === undefined ? undefined : parseDuration(waitLock) * 1000,
    kdfRounds: kdfRounds(parsed),
  };
  const needs = { passphrases: 'both' } as const;
  const summary = () => `${printable(image)}: the passphrase was changed`;
  return runUnlocked('passwd', options, { parsed, io, needs }, { summary });
};
