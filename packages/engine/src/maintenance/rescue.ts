// Rescue: copies out what can still be found in a damaged image. Whole files to where they were, damaged ones beside them,
// and a report of both. The image is only read, and no lock of it is asked for.

import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  CancelledError,
  type Finding,
  hostPath,
  RefusedError,
  type SalvagedVolume,
  TintypeError,
  type Volume,
} from '@tintype/core';
import { attempt } from '@tintype/host';
import { openRuin } from '@tintype/image';
import { ChecksumTable, segmentsOf } from '../checksums/table.js';
import type { Problem, SummaryEvent } from '../events.js';
import { OWN_FOLDER } from '../history/own-folder.js';
import type { Operation, RescueOptions, RunContext } from '../operation.js';
import { RestoreRun } from '../operations/restore.js';
import { folderSide, requireFolder } from '../operations/sides.js';
import { PartialFiles } from '../rescue/partial-files.js';
import { salvageDisk } from '../rescue/places.js';
import { type VolumeReport, writeReport } from '../rescue/report.js';
import { Verdicts } from '../rescue/verdicts.js';
import { PARTIAL, WholeFiles } from '../rescue/whole-files.js';
import { SAFETYNET_FOLDER } from '../tree/filter.js';
import { findItem } from '../tree/find-item.js';
import { OriginalNames } from '../tree/original-names.js';

/** In the target, for what is not a whole file of the volume's own tree. */
export const RESCUE_FOLDER = '_Rescue';
const PARTIAL_FOLDER = 'partial';

export const rescue: Operation<'rescue'> = (options, context): SummaryEvent => {
  const { image, target, passphrase } = options;
  if (context.store.kind(image) === null)
    throw new RefusedError('no-source', `there is nothing at ${image}`, { path: image });
  if (!existsSync(hostPath(dirname(target))))
    throw new RefusedError('no-parent', `the folder ${dirname(target)} does not exist`, { path: dirname(target) });
  requireFolder(context.store, target);
  const started = context.now();
  context.emit({ type: 'phase', name: 'open' });
  const ruin = openRuin(context.store, image, passphrase);
  try {
    context.emit({ type: 'phase', name: 'scan' });
    const findings: Finding[] = [...ruin.findings];
    const found = salvageDisk(ruin.device, { passphrase, progress: (...parts) => progress(context, parts) }, findings);
    const chosen = chooseVolumes(found, options.volume);
    if (chosen.length === 0)
      throw new RefusedError('nothing-found', `nothing of a volume was found in ${image}`, { path: image });
    context.emit({ type: 'phase', name: 'copy' });
    return new Rescue(options, context, findings).run(chosen, started);
  } finally {
    ruin.close();
  }
};

function progress({ progress: counters }: RunContext, [done, total]: readonly [number, number]): void {
  counters.set('items', done);
  counters.set('totalItems', total);
  if (counters.cancelled) throw new CancelledError();
}

function chooseVolumes(found: readonly SalvagedVolume[], wanted: string | undefined): readonly SalvagedVolume[] {
  if (wanted === undefined) return found;
  return found.filter(
    ({ volume }, index) =>
      volume.uuid.toLowerCase() === wanted.toLowerCase() || volume.name === wanted || String(index) === wanted,
  );
}

class Rescue {
  readonly #options: RescueOptions;
  readonly #context: RunContext;
  readonly #findings: readonly Finding[];
  readonly #reports: VolumeReport[] = [];
  readonly #problems: Problem[] = [];
  #interrupted = false;
  #copied = 0;

  constructor(options: RescueOptions, context: RunContext, findings: readonly Finding[]) {
    this.#options = options;
    this.#context = context;
    this.#findings = findings;
  }

  run(volumes: readonly SalvagedVolume[], started: number): SummaryEvent {
    const { target, image } = this.#options;
    const taken = new Set<string>();
    for (const [index, salvaged] of volumes.entries()) {
      if (this.#interrupted) break;
      const folder = volumes.length === 1 ? target : join(target, folderName(salvaged.volume.name, index, taken));
      this.#volume(salvaged, folder);
    }
    const report = join(makeFolder(join(target, RESCUE_FOLDER)), 'report.json');
    const whole = this.#reports.reduce((sum, each) => sum + each.whole, 0);
    const partial = this.#reports.reduce((sum, each) => sum + each.partial.length, 0);
    const lost = this.#reports.reduce((sum, each) => sum + each.namesOnly.length, 0);
    writeReport(report, { image, findings: this.#findings, volumes: this.#reports });
    return {
      type: 'summary',
      image,
      target,
      report,
      volumes: this.#reports.map(({ name, uuid, kind }) => ({ name, uuid, fs: kind })),
      files: { whole, partial, lost },
      findings: [...this.#findings, ...this.#reports.flatMap((each) => each.findings)],
      bytes: { copied: this.#copied },
      seconds: Math.round((this.#context.now() - started) * 1000) / 1000,
      interrupted: this.#interrupted,
      problems: this.#problems,
    };
  }

  #volume(salvaged: SalvagedVolume, folder: string): void {
    const names = new OriginalNames(salvaged.volume);
    const verdicts = new Verdicts(salvaged, checksumsOf(names));
    const roots = [{ path: '/', to: folder, partialTo: join(folder, RESCUE_FOLDER, PARTIAL_FOLDER) }];
    if (hasOlderVersions(names))
      roots.push({
        path: `/${SAFETYNET_FOLDER}`,
        to: join(folder, RESCUE_FOLDER, SAFETYNET_FOLDER),
        partialTo: join(folder, RESCUE_FOLDER, PARTIAL_FOLDER, SAFETYNET_FOLDER),
      });
    for (const root of roots) {
      const whole = new WholeFiles(names, verdicts);
      verdicts.wholeFiles += this.#copy(root.path, root.to, whole, whole);
    }
    for (const root of roots)
      if (verdicts.hasDamaged && !this.#interrupted)
        this.#copy(root.path, root.partialTo, new PartialFiles(names, verdicts), null);
    const partial = [...verdicts.partial()].sort((a, b) => (a.path < b.path ? -1 : 1));
    for (const { path, ranges } of partial)
      this.#problems.push({ path, code: 'partial', message: `is not whole: ${rangesText(ranges)}` });
    for (const path of salvaged.namesOnly)
      this.#problems.push({ path, code: 'lost', message: 'only its name was found, not where its contents lie' });
    const { name, uuid } = salvaged.volume;
    const { kind, lostFolder, namesOnly, findings } = salvaged;
    this.#reports.push({ kind, name, uuid, lostFolder, whole: verdicts.wholeFiles, partial, namesOnly, findings });
  }

  /** Answers how many files were copied. */
  #copy(path: string, to: string, source: Volume, whole: WholeFiles | null): number {
    const { image, trust } = this.#options;
    const made = !existsSync(hostPath(to));
    makeFolder(to);
    const target = folderSide(to, true);
    try {
      const restoring = { image, target: to, path, trust };
      const checksums = whole?.checksums() ?? null;
      const run = new RestoreRun(restoring, this.#context, { volume: source, isImage: true }, target, checksums);
      this.#interrupted = run.perform(made) || this.#interrupted;
      const summary = run.summary(0, false);
      for (const problem of summary.problems) if (problem.code !== PARTIAL) this.#problems.push(problem);
      this.#copied += Number((summary.bytes as { copied: number }).copied);
      return whole?.copied ?? 0;
    } finally {
      target.close();
    }
  }
}

/** With the folders above it. Node's own way calls a read-only volume ENOENT. */
function makeFolder(path: string): string {
  if (existsSync(hostPath(path))) return path;
  makeFolder(dirname(path));
  attempt('mkdir', path, () => mkdirSync(hostPath(path), { mode: 0o700 }));
  return path;
}

/** A volume's name as one part of a path; no two volumes have the same. */
function folderName(name: string, index: number, taken: Set<string>): string {
  const plain = name.replace(/[/\0]/g, '_').replace(/^\.+$/, '');
  const free = plain === '' || taken.has(plain) || plain === RESCUE_FOLDER ? `volume-${index}` : plain;
  taken.add(free);
  return free;
}

/** Of what is left of them. */
function checksumsOf(volume: Volume): ChecksumTable {
  try {
    return new ChecksumTable(volume, segmentsOf(volume).segments);
  } catch (error) {
    if (error instanceof TintypeError) return new ChecksumTable(volume, []);
    throw error;
  }
}

function hasOlderVersions(volume: Volume): boolean {
  try {
    const folder = findItem(volume, SAFETYNET_FOLDER);
    return folder?.kind === 'directory' && volume.list(folder.id).some(({ name }) => name !== OWN_FOLDER);
  } catch (error) {
    if (error instanceof TintypeError) return false;
    throw error;
  }
}

const RANGES_SHOWN = 3;

function rangesText(ranges: readonly { start: number; length: number; reason: string }[]): string {
  const shown = ranges.slice(0, RANGES_SHOWN).map(({ start, length, reason }) => {
    const where = length === 0 ? 'some of it' : `${length} bytes at ${start}`;
    return `${where} (${reason})`;
  });
  const more = ranges.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? `, and ${more} more ranges` : ''}`;
}
