// What is said about a new image: of its place what was measured there, instead of a general warning (B2), of its format
// what should be known before years of backups lie in it.

import { type StoreFacts, showSize } from '@tintype/core';
import type { PathProbe } from '@tintype/host';
import type { RunContext } from '../operation.js';
import { isOverCommitted } from '../rules/capacity.js';

export interface NewImage {
  readonly format: string;
  /** Bytes of the disk inside. */
  readonly size: number;
  /** The folder that it will lie in, and what is known of it. */
  readonly folder: string;
  readonly facts: StoreFacts;
}

/** Measuring a network folder writes 16 MiB there, so it is done once in an image's life. */
export function noticeNewImage({ format, size, folder, facts }: NewImage, { emit, probe }: RunContext): void {
  const warn = (code: string, message: string): void => emit({ type: 'warning', code, message });
  if (isOverCommitted(size, facts.capacity))
    warn('over-commit', `the image may grow to ${showSize(size)}, but its host volume has ${showSize(facts.capacity)}`);
  if (format === 'asif') warn('experimental', 'writing ASIF images is experimental: no macOS has judged them yet');
  if (format === 'sparseimage')
    warn(
      'legacy-sparseimage',
      "a sparse image is one large file: a host's file-size limit stops it, and each change makes it new to other backups; " +
        'a sparse bundle has neither fault',
    );
  if (facts.isNetwork && probe) warn('network-destination', sentence(folder, probe(folder)));
}

function sentence(folder: string, probe: PathProbe): string {
  const good: string[] = [];
  const bad: string[] = [];
  const sort = (is: boolean | null, yes: string, no: string): void => {
    if (is === true) good.push(yes);
    if (is === false) bad.push(no);
  };
  sort(probe.syncHonoured, 'syncs are honoured', 'syncs are not honoured: a power cut there may lose the last commits');
  sort(probe.renameReplaces, 'renames replace in one step', 'renames do not replace in one step');
  sort(probe.lockHolds, 'locks hold', 'locks do not hold: only the lease keeps others away');
  const rate = `${Math.round(probe.writeRate / 1e5) / 10} MB/s`;
  return `${folder} is a network folder (${probe.kind}); measured: ${[...bad, ...good].join(', ')}, ${rate} written`;
}
