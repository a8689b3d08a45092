// Folders of noise to back up, and what a rescue made of their image. Only tests import this.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '@tintype/testkit';
import { expect } from 'vitest';
import type { SummaryEvent } from '../events.js';
import { testContext } from '../run-context.testing.js';
import { rescue } from './rescue.js';

export interface Report {
  readonly volumes: readonly {
    readonly whole: number;
    readonly partial: readonly {
      path: string;
      size: number;
      ranges: { start: number; length: number; reason: string }[];
    }[];
    readonly namesOnly: readonly string[];
  }[];
}

/** Files of many sizes, all of them noise; answers their contents by path. */
export function grown(root: string, random: Random, files: number): Map<string, Buffer> {
  const contents = new Map<string, Buffer>();
  const folders = [''];
  for (let i = 0; i < files; i += 1) {
    const parent = random.pick(folders);
    if (random.oneIn(12)) folders.push(`${parent}/folder ${i}`);
    const path = `${random.pick(folders)}/file ${i}`;
    const bytes = Buffer.from(random.bytes(1 + random.below(random.oneIn(10) ? 300_000 : 12_000)));
    contents.set(path, bytes);
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
  return contents;
}

export function rescued(image: string, to: string, passphrase?: string): { summary: SummaryEvent; report: Report } {
  const given = passphrase === undefined ? {} : { passphrase: Buffer.from(passphrase) };
  const summary = rescue({ image, target: to, ...given }, testContext());
  return { summary, report: JSON.parse(readFileSync(join(to, '_Rescue', 'report.json'), 'utf8')) as Report };
}

/** Whole files are equal to what they were; answers the paths of those that came back. */
export function wholeIn(to: string, contents: ReadonlyMap<string, Buffer>): Set<string> {
  const whole = new Set<string>();
  for (const [path, bytes] of contents) {
    if (!existsSync(join(to, path))) continue;
    expect(readFileSync(join(to, path)).equals(bytes), path).toBe(true);
    whole.add(path);
  }
  return whole;
}
