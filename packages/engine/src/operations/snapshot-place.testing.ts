// Real images that are backed up to day by day; every one of them is judged in the end.

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TintypeError } from '@tintype/core';
import { apfsck, withFolder, withOracle } from '@tintype/testkit';
import { expect } from 'vitest';
import type { EngineEvent, SummaryEvent } from '../events.js';
import { info } from '../maintenance/info.js';
import { raw } from '../maintenance/raw.js';
import { verify } from '../maintenance/verify.js';
import type { BackupOptions } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { openStack } from '../stack.js';
import { backup } from './backup.js';
import { list } from './browse.js';

export const DAY = 86_400;
export const FIRST = Date.parse('2027-01-10T08:00:00Z') / 1000;

export interface Place {
  readonly folder: string;
  readonly source: string;
  readonly image: string;
  readonly events: EngineEvent[];
  /** `now`: days after the first one. */
  run(now: number, options?: Partial<BackupOptions>): SummaryEvent;
  put(name: string, content: string): void;
  snapshots(): string[];
  paths(snapshot?: string): string[];
  codes(): string[];
  phases(): string[];
}

export function withPlace(net: Partial<BackupOptions>, body: (place: Place) => void): void {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(source);
    const events: EngineEvent[] = [];
    body({
      folder,
      source,
      image,
      events,
      run: (now, options = {}) => {
        const size = now === 0 ? { size: 32 << 20 } : {};
        return backup(
          { source, destination: image, ...net, ...size, ...options },
          testContext(FIRST + now * DAY, events),
        );
      },
      put: (name, content) => {
        writeFileSync(join(source, name), content);
        utimesSync(join(source, name), 1_000_000_000, 1_000_000_000);
      },
      snapshots: () => info(image, testContext()).volumes[0]?.snapshots.map(({ name }) => name) ?? [],
      paths: (name) => pathsOf(image, name),
      codes: () => events.flatMap((event) => (event.type === 'warning' ? [event.code] : [])),
      phases: () => events.flatMap((event) => (event.type === 'phase' ? [event.name] : [])),
    });
    expect(verify({ image }, testContext()).findings).toBe(0);
    if (net.fs === 'hfs+' || withOracle('apfsck').skip) return;
    raw({ image, out: join(folder, 'raw'), volume: '0' }, testContext());
    expect(apfsck(join(folder, 'raw'))).toMatchObject({ ok: true });
  });
}

/** Paths without our own files, files with their content. */
function pathsOf(image: string, name?: string): string[] {
  const stack = openStack(image, { ...testContext(), writable: false, snapshot: name });
  try {
    return [...list(stack.volume, '/', true)]
      .filter(({ path }) => !path.startsWith('/_SafetyNet/.tintype'))
      .map(({ path, item }) => {
        const bytes = Buffer.alloc(item.kind === 'file' ? item.size : 0);
        stack.volume.read(item.id, 0, bytes);
        return item.kind === 'file' ? `${path}=${bytes}` : path;
      })
      .sort();
  } finally {
    stack.abandon();
  }
}

export function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof TintypeError)) throw error;
    return error.code;
  }
  return 'nothing thrown';
}
