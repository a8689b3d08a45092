// The report of a rescue, as a file in the target: what came back whole, what only partly and why, what is only a name.

import { writeFileSync } from 'node:fs';
import { type Finding, hostPath } from '@tintype/core';
import { attempt } from '@tintype/host';
import type { PartialFile } from './verdicts.js';

export interface VolumeReport {
  readonly kind: string;
  readonly name: string;
  readonly uuid: string;
  /** Folder in the target for what has no way to the root. */
  readonly lostFolder: string | null;
  /** Files. */
  readonly whole: number;
  readonly partial: readonly PartialFile[];
  readonly namesOnly: readonly string[];
  readonly findings: readonly Finding[];
}

export interface RescueReport {
  readonly image: string;
  readonly findings: readonly Finding[];
  readonly volumes: readonly VolumeReport[];
}

export function writeReport(path: string, { image, findings, volumes }: RescueReport): void {
  const shown = volumes.map(({ kind, name, uuid, ...rest }) => ({ fs: kind, name, uuid, ...rest }));
  const text = `${JSON.stringify({ version: 1, image, findings, volumes: shown }, null, 1)}\n`;
  attempt('write', path, () => writeFileSync(hostPath(path), text, { mode: 0o600 }));
}
