// The page of all commands says what the table of commands says. That the file is up to date, a test of the house tells.

import { expect, test } from 'vitest';
import { COMMANDS } from './command-table.js';
import { commandReference } from './reference.js';

test('every command and every option has its line', () => {
  const page = commandReference();
  for (const { name, options, examples } of COMMANDS) {
    const section = page.slice(page.indexOf(`\n## ${name}\n`)).split('\n## ')[1] ?? '';
    for (const option of options) expect(section).toContain(option.name);
    for (const example of examples) expect(section).toContain(example);
  }
});
