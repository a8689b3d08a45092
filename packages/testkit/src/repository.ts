// Where the tests run: the repository, what lies beside it, and whether something missing is a failure.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder with the workspace's `package.json`, found upwards from here. */
export const repository = findRepository(path.dirname(fileURLToPath(import.meta.url)));

/** `../shared` beside the repository: real images and the scripts around the foreign checkers. */
export const shared = path.join(path.dirname(repository), 'shared');

/** Where a build server runs the tests, what is missing is a failure; elsewhere its tests are skipped. */
export const isCi = (process.env.CI ?? '') !== '' && process.env.CI !== 'false';

function findRepository(start: string): string {
  for (let folder = start; ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json');
    if (existsSync(file) && 'workspaces' in (JSON.parse(readFileSync(file, 'utf8')) as object)) return folder;
    if (path.dirname(folder) === folder) throw new Error('no package.json with workspaces above the tests');
  }
}
