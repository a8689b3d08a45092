// Writes what the documents say of the code: the page of commands, and the tables of structures in docs/formats.
// Both are read from the built packages; tests of the house say when they are out of date.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandReference } from '../packages/cli/dist/reference.js';
import { declaredLayouts, withLayouts } from '../packages/testkit/dist/house/layouts.js';

const docs = path.join(path.dirname(fileURLToPath(import.meta.url)), '../docs');
writeFileSync(path.join(docs, 'commands.md'), commandReference());
const layouts = await declaredLayouts();
for (const name of readdirSync(path.join(docs, 'formats'))) {
  const page = path.join(docs, 'formats', name);
  writeFileSync(page, withLayouts(readFileSync(page, 'utf8'), layouts));
}
