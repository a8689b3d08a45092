// Real images, made on macOS: found beside the repository, unpacked where a test needs them so.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isCi, shared } from './repository.js';

/** A real image, or why its tests are skipped. */
export interface Fixture {
  readonly path: string;
  readonly present: boolean;
  /** True where the test is to be skipped: it is missing, and this is no build server. Use as `test.skipIf(f.skip)`. */
  readonly skip: boolean;
  /** Why, for the test's title. */
  readonly reason: string;
}

/** A file or folder of `../shared/fixtures`, such as `hfsplus/basic-udzo.dmg`. */
export function fixture(name: string): Fixture {
  const file = path.join(shared, 'fixtures', name);
  const present = existsSync(file);
  return { path: file, present, skip: !present && !isCi, reason: present ? '' : `fixture ${name} is missing` };
}

/** Its bytes; `.gz` and `.xz` unpacked. */
export function fixtureBytes(name: string): Uint8Array {
  const { path: file } = fixture(name);
  if (name.endsWith('.gz')) return gunzipSync(readFileSync(file));
  if (name.endsWith('.xz')) return execFileSync('xz', ['-dc', file], { maxBuffer: 1 << 30 });
  return readFileSync(file);
}

/** A file in `folder` with the fixture's bytes unpacked (`.gz`, `.xz`); of a `.zip`: the folder itself, with its content. */
export function unpackFixture(name: string, folder: string): string {
  if (name.endsWith('.zip')) {
    execFileSync('unzip', ['-q', '-o', fixture(name).path, '-d', folder]);
    return folder;
  }
  const file = path.join(folder, path.basename(name).replace(/\.(gz|xz)$/, ''));
  writeFileSync(file, fixtureBytes(name));
  return file;
}

/** Runs `body` with an empty folder that is gone afterwards. */
export function withFolder<T>(body: (folder: string) => T): T {
  const folder = temporaryFolder();
  try {
    return body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An empty folder of its own; the caller removes it. */
export function temporaryFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'tintype-test-'));
}
