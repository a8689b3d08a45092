// One share as two hosts see it: two sshfs mounts of one folder, on which whole-file locks know nothing of each other.
// Their servers are plain sftp-servers at the end of a pipe, so no network is needed.

import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './fixtures.js';
import { isCi } from './repository.js';

const SERVERS = ['/usr/lib/openssh/sftp-server', '/usr/libexec/openssh/sftp-server', '/usr/lib/ssh/sftp-server'];

/** Programs that a test runs; where one is missing the test is skipped, on a build server it fails. */
export function missingPrograms(...names: string[]): { readonly skip: boolean; readonly missing: readonly string[] } {
  const missing = names.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  return { skip: missing.length > 0 && !isCi, missing };
}

/** True where there are no such mounts; on a build server their test fails instead. */
export function lacksMounts(): boolean {
  return !isCi && (missingPrograms('sshfs').skip || !SERVERS.some((file) => existsSync(file)) || !canUse('/dev/fuse'));
}

function canUse(file: string): boolean {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** One folder, mounted twice. */
export interface TwoMounts {
  /** The folder itself. */
  readonly folder: string;
  readonly mounts: readonly [string, string];
  /** Unmounts both and removes everything. */
  close(): void;
}

/** One folder as two hosts see it. */
export function twoMounts(): TwoMounts {
  const root = temporaryFolder();
  const [folder, server] = [path.join(root, 'share'), path.join(root, 'server')];
  const mounts = [path.join(root, 'one'), path.join(root, 'two')] as const;
  for (const each of [folder, ...mounts]) mkdirSync(each);
  writeFileSync(server, `#!/bin/sh\nexec ${SERVERS.find((file) => existsSync(file))}\n`);
  chmodSync(server, 0o755);
  const mounted: string[] = [];
  const close = () => {
    for (const mount of mounted) execFileSync('fusermount3', ['-u', '-z', mount]);
    rmSync(root, { recursive: true, force: true });
  };
  try {
    for (const mount of mounts) {
      execFileSync('sshfs', ['-o', `ssh_command=${server}`, `share:${folder}`, mount]);
      mounted.push(mount);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { folder, mounts, close };
}
