// Calls the built command, as scripts do.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixture, repository, temporaryFolder } from '@tintype/testkit';

export const PROGRAM = fileURLToPath(new URL('../bin/tintype.js', import.meta.url));
requireFreshBundle();

/** A bundle older than what it was made of would test yesterday's code. */
function requireFreshBundle(): void {
  const made = statSync(fileURLToPath(new URL('../bundle/main.js', import.meta.url))).mtimeMs;
  const packages = join(repository, 'packages');
  const built = readdirSync(packages, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /^(?!testkit)[\w-]+\/dist\/.*\.js$/.test(file),
  );
  const newer = built.filter((file) => statSync(join(packages, file)).mtimeMs > made);
  if (newer.length > 0) throw new Error(`the bundle is older than ${newer[0]}: npm run build`);
}

/** What the command remembers between runs goes here, never to the home of whoever runs the tests. */
const home = temporaryFolder();

export const ENVIRONMENT = { ...process.env, TINTYPE_HOME: home };

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly bytes: Buffer;
  readonly stderr: string;
}

export function tintype(...words: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...words], {
    env: ENVIRONMENT,
    maxBuffer: 1 << 28,
  });
  return { status, stdout: stdout.toString('utf8'), bytes: stdout, stderr: stderr.toString('utf8') };
}

/** The one document that a command prints under `--json`. @throws if the command failed */
export function json<T>(...words: string[]): T {
  const { status, stdout, stderr } = tintype(...words, '--json');
  if (status !== 0) throw new Error(`exit status ${status}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

export interface Event {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The events that a command prints under `--json`, and its exit status. */
export function events(...words: string[]): {
  readonly status: number | null;
  readonly events: Event[];
  readonly last: Event;
} {
  const { status, stdout, stderr } = tintype(...words, '--json');
  const found = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
  const last = found.at(-1);
  if (!last) throw new Error(`no events, exit status ${status}: ${stderr}`);
  return { status, events: found, last };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The HFS+ image that macOS made, and what it holds. */
export const basic = fixture('hfsplus/basic-udzo.dmg');

export interface ManifestItem {
  readonly type: 'file' | 'symlink' | 'dir' | 'directory';
  readonly mode?: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  readonly xattrs?: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>;
}

/** By path without the leading slash, names composed. */
export function basicManifest(): [string, ManifestItem][] {
  const text = readFileSync(join(fixture('hfsplus').path, 'basic.manifest.json'), 'utf8');
  const { files } = JSON.parse(text) as { files: Record<string, ManifestItem> };
  return Object.entries(files).map(([path, item]) => [path.normalize('NFC'), item]);
}
