// Lock and lease between real processes: there are never two writers.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { hostHolder, nodeFileStore } from '@tintype/host';
import { createImage, lockHolder, writePartitionMap } from '@tintype/image';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../fixtures.js';
import { count } from '../seeds.js';

const HEARTBEAT = 100;
const program = fileURLToPath(new URL('./lease-holder.mjs', import.meta.url));

interface Start {
  readonly writable?: boolean;
  /** False: as on a share, where locks mean nothing. */
  readonly locks?: boolean;
  /** Says that it runs on a host of this name. */
  readonly host?: string;
  readonly heartbeat?: number;
  readonly waitLock?: number;
  readonly breakLock?: boolean;
}

class Peer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor(image: string, start: Start) {
    const options = { path: image, writable: true, locks: true, heartbeat: HEARTBEAT, waitLock: 0, ...start };
    this.#child = spawn(process.execPath, [program, JSON.stringify(options)]);
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }
  async ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    const { value, done } = await this.#answers.next();
    return done ? 'ended' : value;
  }
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    this.#child.kill(signal);
  }
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

let folder = '';
let peers: Peer[] = [];
const images = { bundle: 'a.sparsebundle', file: 'a.sparseimage' } as const;
const at = (image: keyof typeof images): string => path.join(folder, images[image]);

beforeEach(() => {
  folder = temporaryFolder();
  for (const [image, format] of [
    ['bundle', 'sparsebundle'],
    ['file', 'sparseimage'],
  ] as const) {
    const holder = { ...hostHolder(), heartbeat: 0 };
    const options = { format, size: 16 << 20, bandSize: 1 << 20, waitLock: 0, holder };
    const made = createImage(nodeFileStore(), at(image), options);
    writePartitionMap(made.device, { scheme: 'gpt', type: 'Apple_HFS', random: holder.random });
    made.close();
  }
});
afterEach(async () => {
  await Promise.all(peers.map((peer) => peer.kill()));
  peers = [];
  rmSync(folder, { recursive: true });
});

function start(image: keyof typeof images, options: Start = {}): Peer {
  const peer = new Peer(at(image), options);
  peers.push(peer);
  return peer;
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** All bytes of the image's files, without those of its leases. */
function stored(): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile() && !entry.name.includes('tintype.lease'))
    .map((entry) => `${entry.name} ${readFileSync(path.join(entry.parentPath, entry.name)).toString('base64')}`)
    .sort()
    .join('\n');
}

describe.each(['bundle', 'file'] as const)('two processes and one image (%s)', (image) => {
  test('the second is refused while the first has it, and gets it afterwards', async () => {
    const [first, second] = [start(image), start(image)];
    expect(await first.ask('open')).toBe('ok');
    expect(await second.ask('open')).toBe('LockedError');
    expect(lockHolder(nodeFileStore(), at(image))).toMatch(/^process \d+ on /);
    expect(await first.ask('close')).toBe('ok');
    expect(await second.ask('open')).toBe('ok');
    expect(await second.ask('write 1048576 1')).toBe('ok');
    expect(await second.ask('close')).toBe('ok');
    expect(lockHolder(nodeFileStore(), at(image))).toBeNull();
  });

  test('what a killed process held is free at once, with the usual heartbeat of 5 s', async () => {
    const [first, second] = [start(image, { heartbeat: 5000 }), start(image, { heartbeat: 5000 })];
    expect(await first.ask('open')).toBe('ok');
    await first.kill();
    const before = performance.now();
    expect(await second.ask('open')).toBe('ok');
    expect(performance.now() - before).toBeLessThan(2500);
  });

  test('without locks a lease that beats is respected, however long one looks', async () => {
    const first = start(image, { locks: false, host: 'one' });
    expect(await first.ask('open')).toBe('ok');
    await pause(5 * HEARTBEAT);
    for (const host of ['two', 'one'])
      expect(await start(image, { locks: false, host }).ask('open')).toBe('LockedError');
    expect(await first.ask('write 1048576 1')).toBe('ok');
    expect(await first.ask('flush')).toBe('ok');
  });

  test('a stopped process that lost its lease writes nothing any more', async () => {
    const first = start(image, { locks: false, host: 'one' });
    const second = start(image, { locks: false, host: 'two' });
    expect(await first.ask('open')).toBe('ok');
    expect(await first.ask('write 1048576 1')).toBe('ok');
    first.signal('SIGSTOP');
    const before = performance.now();
    expect(await second.ask('open')).toBe('ok');
    expect(performance.now() - before).toBeGreaterThan(4 * HEARTBEAT);
    expect(await second.ask('write 1048576 2')).toBe('ok');
    expect(await second.ask('flush')).toBe('ok');
    const after = stored();
    first.signal('SIGCONT');
    expect(await first.ask('write 1048576 3')).toBe('LeaseLostError');
    expect(await first.ask('write 2097152 3')).toBe('LeaseLostError');
    expect(await first.ask('flush')).toBe('LeaseLostError');
    await first.ask('close');
    expect(stored()).toBe(after);
    expect(await second.ask('write 3145728 2')).toBe('ok');
    expect(await second.ask('close')).toBe('ok');
  });

  test('a lease of another host that beats is broken where that is asked for; who had it writes nothing more', async () => {
    const first = start(image, { locks: false, host: 'one' });
    expect(await first.ask('open')).toBe('ok');
    expect(await first.ask('write 1048576 1')).toBe('ok');
    expect(await start(image, { locks: false, host: 'one', breakLock: true }).ask('open')).toBe('LockedError');
    const second = start(image, { locks: false, host: 'two', breakLock: true });
    const opened = second.ask('open');
    let answer = 'ok';
    for (let i = 0; i < 500 && answer === 'ok'; i += 1) {
      await pause(20);
      answer = await first.ask('write 1048576 1');
    }
    expect(answer).toBe('LeaseLostError');
    expect(await opened).toBe('ok');
    const after = stored();
    expect(await first.ask('flush')).toBe('LeaseLostError');
    expect(await first.ask('close')).toBe('ok');
    expect(stored()).toBe(after);
    expect(await second.ask('write 1048576 2')).toBe('ok');
    expect(await second.ask('close')).toBe('ok');
  });

  test('whoever waited for it sees what was changed meanwhile, though no lock says when that was', async () => {
    const first = start(image, { locks: false, host: 'one' });
    expect(await first.ask('open')).toBe('ok');
    const second = start(image, { locks: false, host: 'two', waitLock: 20_000 });
    const opened = second.ask('open');
    await pause(5 * HEARTBEAT);
    expect(await first.ask(`resize ${32 << 20}`)).toBe('ok');
    expect(await first.ask('close')).toBe('ok');
    expect(await opened).toBe('ok');
    expect(await second.ask(`size ${32 << 20}`)).toBe('ok');
  });

  test('of many who want a stale lease at the same time, one at most gets it', async () => {
    let got = 0;
    for (let round = 0; round < count(4, 40); round += 1) {
      // Long enough for a busy machine to start the thread that beats.
      const heartbeat = 5 * HEARTBEAT;
      const dead = start(image, { locks: false, heartbeat });
      expect(await dead.ask('open')).toBe('ok');
      await dead.kill();
      const many = Array.from({ length: 4 }, () => start(image, { locks: false, heartbeat }));
      await Promise.all(many.map((peer) => peer.ask('none')));
      const answers = await Promise.all(many.map((peer) => peer.ask('open')));
      const holders = many.filter((_peer, i) => answers[i] === 'ok');
      expect(answers.filter((answer) => answer !== 'ok' && answer !== 'LockedError')).toEqual([]);
      expect(holders.length).toBeLessThanOrEqual(1);
      got += holders.length;
      for (const peer of holders) expect(await peer.ask('close')).toBe('ok');
      await Promise.all(many.map((peer) => peer.kill()));
    }
    expect(got).toBeGreaterThan(0);
  });

  test('readers share the image with each other, not with a writer', async () => {
    const readers = [start(image, { writable: false }), start(image, { writable: false })];
    for (const reader of readers) expect(await reader.ask('open')).toBe('ok');
    const writer = start(image);
    expect(await writer.ask('open')).toBe('LockedError');
    for (const reader of readers) expect(await reader.ask('close')).toBe('ok');
    expect(await writer.ask('open')).toBe('ok');
    expect(await readers[0]?.ask('open')).toBe('LockedError');
  });
});
