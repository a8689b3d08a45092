// What was there before a rule of the house. The list may only shrink: `TINTYPE_RATCHET=write` drops from it what is no
// longer true (and adds what is new: look at the difference).

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../repository.js';

const file = path.join(repository, 'packages/testkit/src/house/ratchet.json');

/** What a rule found that the list does not have. */
export function beyondRatchet(rule: string, found: readonly string[]): string[] {
  const ratchet = JSON.parse(readFileSync(file, 'utf8')) as Record<string, readonly string[]>;
  if (process.env.TINTYPE_RATCHET === 'write') {
    ratchet[rule] = [...found].sort();
    writeFileSync(file, `${JSON.stringify(ratchet, null, 2)}\n`);
  }
  return found.filter((entry) => !ratchet[rule]?.includes(entry));
}
