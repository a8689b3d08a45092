// Who holds a lock: this process, on this host, in this boot.

import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { clockBoottime } from './linux.js';
import { nativeLibrary } from './native.js';

/** This process, as a lease names it. */
export interface HostHolder {
  readonly host: string;
  readonly pid: number;
  /** Of this boot of the host; empty if unknown. */
  readonly boot: string;
  /** True if that process runs on this host. */
  readonly alive: (pid: number) => boolean;
  /** Seconds by a clock that runs on through sleep. */
  readonly clock: () => number;
  /** Fills the target with random bytes. */
  readonly random: (target: Uint8Array) => void;
}

/** This process. */
export function hostHolder(): HostHolder {
  return {
    host: hostname(),
    pid: process.pid,
    boot: bootId(),
    alive: isAlive,
    clock: clockThroughSleep(),
    random: (target) => {
      randomFillSync(target);
    },
  };
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  // 0 and below would ask for groups of processes.
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, but belongs to someone else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** CLOCK_BOOTTIME; elsewhere the sum of the larger advances of the monotonic clock (may stop in sleep) and the wall. */
export function clockThroughSleep(): () => number {
  const native = nativeLibrary();
  if (native) {
    const time = native.memory(16);
    return () => {
      native.check(native.calls.clockGettime(clockBoottime, time.address), 'clock_gettime', 'CLOCK_BOOTTIME');
      return Number(time.view.getBigInt64(0, true)) + Number(time.view.getBigInt64(8, true)) / 1e9;
    };
  }
  let monotonic = process.hrtime();
  let wall = Date.now();
  let seconds = monotonic[0] + monotonic[1] / 1e9;
  return () => {
    const passed = process.hrtime(monotonic);
    const now = Date.now();
    seconds += Math.max(passed[0] + passed[1] / 1e9, (now - wall) / 1000);
    monotonic = process.hrtime();
    wall = now;
    return seconds;
  };
}
