// The repository's own sources, as the tests of the house read them.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../repository.js';

export interface Source {
  /** From the repository's root, with `/`. */
  readonly path: string;
  /** Name of the package's folder: `core`, `hfsplus`, … */
  readonly package: string;
  readonly text: string;
  readonly isTest: boolean;
}

/** All TypeScript of all packages, built files left out. */
export function sources(): Source[] {
  const packages = path.join(repository, 'packages');
  return readdirSync(packages).flatMap((name) => {
    const folder = path.join(packages, name, 'src');
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
      .map((entry) => read(path.join(entry.parentPath, entry.name), name));
  });
}

function read(file: string, packageName: string): Source {
  return {
    path: path.relative(repository, file).split(path.sep).join('/'),
    package: packageName,
    text: readFileSync(file, 'utf8'),
    isTest: /\.(test|fuzz|bench|testing)\.tsx?$/.test(file),
  };
}
