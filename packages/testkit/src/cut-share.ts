// A share whose link can be cut: sshfs to an sshd, both in a network of their own. The mount itself is the host's, so that
// whoever writes to it knows nothing of that network.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './fixtures.js';
import { isCi } from './repository.js';
import { lacksMounts, missingPrograms } from './two-mounts.js';

const SSHD = '/usr/sbin/sshd';
const PORT = '2222';
const TRIES = 100;
const TRY_MS = 100;

/** True where a test cannot have such a share; on a build server it fails instead. */
export function lacksCutShares(): boolean {
  if (isCi) return false;
  const hasPrograms = missingPrograms('ssh', 'ssh-keygen', 'nsenter', 'unshare', 'ip').missing.length === 0;
  return lacksMounts() || !hasPrograms || !existsSync(SSHD) || spawnSync('unshare', ['--net', 'true']).status !== 0;
}

/** How the share behaves after a cut. */
export interface CutShareOptions {
  /** The client sees after some seconds that the link is cut, and connects anew; else its calls hang. */
  readonly reconnect: boolean;
}

/** A network share whose link can be cut. */
export class CutShare {
  readonly #root: string;
  readonly #network: ChildProcess;
  readonly #server: ChildProcess | undefined;
  readonly #enter: readonly string[];
  #isMounted = false;
  /** The folder itself, which no cut touches; and how it is seen over the link. */
  readonly folder: string;
  readonly mount: string;

  constructor(options: CutShareOptions) {
    this.#root = temporaryFolder();
    this.folder = path.join(this.#root, 'share');
    this.mount = path.join(this.#root, 'mount');
    for (const each of [this.folder, this.mount]) mkdirSync(each);
    this.#network = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
    this.#enter = [`--net=/proc/${this.#network.pid}/ns/net`, '--'];
    try {
      until(() => this.#isOwnNetwork());
      this.restore();
      this.#server = this.#serve();
      until(() => this.#connect(options));
      this.#isMounted = true;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  cut(): void {
    this.#inside('ip', 'link', 'set', 'lo', 'down');
  }

  restore(): void {
    this.#inside('ip', 'link', 'set', 'lo', 'up');
  }

  /** Ends the mount with all calls that hang in it, as `umount -f -l` does when somebody has enough of waiting. */
  forceUnmount(): void {
    execFileSync('umount', ['-f', '-l', this.mount]);
    this.#isMounted = false;
  }

  /** Unmounts, ends the server and removes everything. A cut link would keep its connections. */
  close(): void {
    if (this.#server) this.restore();
    if (this.#isMounted) execFileSync('fusermount3', ['-u', '-z', this.mount]);
    this.#server?.kill();
    this.#network.kill();
    rmSync(this.#root, { recursive: true, force: true });
  }

  #inside(...words: readonly string[]): void {
    execFileSync('nsenter', [...this.#enter, ...words], { stdio: 'pipe' });
  }

  /** Until the program has made its network, this would be the host's. */
  #isOwnNetwork(): boolean {
    const links = spawnSync('nsenter', [...this.#enter, 'ip', '-brief', 'link']);
    return links.status === 0 && /^lo\s+DOWN[^\n]*\n$/.test(links.stdout.toString());
  }

  #serve(): ChildProcess {
    const file = (name: string): string => path.join(this.#root, name);
    for (const key of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(key)]);
    const lines = [
      `Port ${PORT}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${file('host')}`,
      `AuthorizedKeysFile ${file('user')}.pub`,
      `PidFile ${file('pid')}`,
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'Subsystem sftp internal-sftp',
    ];
    writeFileSync(file('sshd_config'), `${lines.join('\n')}\n`);
    // Debian's sshd wants a folder that its service would make.
    mkdirSync('/run/sshd', { recursive: true });
    chmodSync('/run/sshd', 0o755);
    return spawn('nsenter', [...this.#enter, SSHD, '-D', '-e', '-f', file('sshd_config')], { stdio: 'ignore' });
  }

  /** False while the server is not up. */
  #connect({ reconnect }: CutShareOptions): boolean {
    const options = [
      `port=${PORT}`,
      `IdentityFile=${path.join(this.#root, 'user')}`,
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'BatchMode=yes',
      'ConnectTimeout=5',
      ...(reconnect ? ['reconnect', 'ServerAliveInterval=2', 'ServerAliveCountMax=2'] : []),
    ];
    const words = ['sshfs', '-o', options.join(','), `127.0.0.1:${this.folder}`, this.mount];
    return spawnSync('nsenter', [...this.#enter, ...words], { stdio: ['ignore', 'ignore', 'ignore'] }).status === 0;
  }
}

function until(isDone: () => boolean): void {
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (isDone()) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRY_MS);
  }
  throw new Error('the share did not come up');
}
