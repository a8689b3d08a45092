// Brings a target up to date with a source: both trees walked side by side, one folder at a time. What to do is decided
// by `plan`, done here and by `creator`; memory follows the depth of the tree and the size of one folder.

import { assert, CorruptError, type Item, type ItemId, type WritableVolume } from '@tintype/core';
import { ChangedAttributes } from '../history/attributes-before.js';
import type { Aside } from '../history/safetynet.js';
import { compareItems, plainAttributesDiffer, sharedTraits } from './compare.js';
import type { ContentCopier } from './content.js';
import { Creator } from './creator.js';
import type { Filter } from './filter.js';
import { type Frame, planOf } from './folder-plans.js';
import { HardLinks } from './hard-links.js';
import type { Change, FolderPlan } from './plan.js';
import { Removals } from './removals.js';
import type { Report } from './report.js';
import { type GuardedSource, SourceError } from './source-guard.js';
import { mirrorXattrs } from './xattrs.js';

export interface MirrorOptions {
  readonly source: GuardedSource;
  readonly sourceRoot: Item;
  readonly target: WritableVolume;
  readonly filter: Filter;
  readonly report: Report;
  readonly content: ContentCopier;
  readonly aside: Aside;
  readonly partial: () => ItemId;
  /** See `Creator`. */
  readonly largeFile: number;
  readonly idsLast: boolean;
  readonly checksum: boolean;
  /** Remove what the source lacks. */
  readonly remove: boolean;
  /** Percent of the target's items that may go. Null: half of them, unless they are few. */
  readonly maxDelete: number | null;
  /** Called at sound moments: commits if it is time, throws if the run was cancelled. */
  readonly settle: () => void;
  /** Seconds since 1970. */
  readonly now: () => number;
  readonly random: (target: Uint8Array) => void;
}

interface OpenFrame extends Frame {
  readonly target: ItemId;
  /** True if the target's folder was just made, so there is nothing to compare with. */
  readonly fresh: boolean;
  rest: OpenFrame[] | null;
}

interface Performed {
  readonly made: ReadonlyMap<string, ItemId>;
  readonly failed: ReadonlySet<string>;
}

const NOTHING = new Uint8Array(0);

export class Mirror {
  readonly #options: MirrorOptions;
  readonly #links = new HardLinks();
  readonly #creator: Creator;
  readonly #removals: Removals;

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#creator = new Creator({ ...options, links: this.#links });
    this.#removals = new Removals(options);
  }

  /** Walks everything; removals come last, when their number is known. */
  run(): void {
    const { source, sourceRoot, target, now } = this.#options;
    const started = now();
    const stack: OpenFrame[] = [{ source: sourceRoot, target: target.root.id, path: '', fresh: false, rest: null }];
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      frame.rest ??= this.#folder(frame);
      const next = frame.rest.pop();
      if (next) stack.push(next);
      else {
        this.#leave(frame);
        stack.pop();
      }
    }
    if (this.#options.remove) this.#removals.perform(this.#options);
    this.#update({ source: sourceRoot, target: target.root }, '', started);
    source.leave(sourceRoot.id);
  }

  /** Does all that one folder needs; answers the folders below it, last one first. */
  #folder(frame: OpenFrame): OpenFrame[] {
    const scanned = this.#options.now();
    const planned = planOf(frame.fresh ? { ...frame, target: null } : frame, this.#options);
    if (!planned) return [];
    this.#removals.add(frame, planned);
    const { made, failed } = this.#perform(planned.plan, frame, scanned);
    const below: OpenFrame[] = planned.plan.folders.map(({ source, target }) => ({
      source,
      target: target.id,
      path: `${frame.path}/${source.name}`,
      fresh: false,
      isReported: failed.has(source.name),
      rest: null,
    }));
    for (const item of planned.plan.create) {
      const id = item.kind === 'directory' ? made.get(item.name) : undefined;
      if (id !== undefined)
        below.push({ source: item, target: id, path: `${frame.path}/${item.name}`, fresh: true, rest: null });
    }
    return below.reverse();
  }

  /** Handles are given up; where the target moves a folder's times with its content, they are set once more. */
  #leave(frame: OpenFrame): void {
    const { source, target, now } = this.#options;
    if (frame.path === '') return;
    source.leave(frame.source.id);
    if (!target.traits.changeTimes) target.setAttributes(frame.target, this.#creator.attributes(frame.source, now()));
    target.release(frame.target);
  }

  /** Answers what was made, and whose attributes could not be read, by name. */
  #perform(plan: FolderPlan, frame: OpenFrame, scanned: number): Performed {
    const { report, aside, settle } = this.#options;
    const replaced = new Set<string>();
    const failed = new Set<string>();
    const replace = (change: Change) => {
      if (this.#setAside(change, frame)) {
        plan.create.push(change.source);
        replaced.add(change.source.name);
      }
    };
    for (const change of plan.keep) {
      if (!this.#keepsLinks(change, frame)) replace(change);
      else report.counts.unchanged += 1;
    }
    for (const change of plan.update) {
      if (!this.#keepsLinks(change, frame)) replace(change);
      else if (!this.#updateChild(change, frame, scanned)) failed.add(change.source.name);
    }
    for (const change of plan.look) {
      if (!this.#isLinkedAlike(change) || !this.#hasSameContent(change, frame)) {
        replace(change);
        continue;
      }
      this.#rememberLinks(change, frame);
      this.#updateChild(change, frame, scanned);
    }
    for (const change of plan.replace) replace(change);
    const made = this.#creator.createAll(frame.target, frame.path, plan.create, scanned, replaced);
    aside.settle();
    settle();
    return { made, failed };
  }

  /** `#isLinkedAlike`, and then the pair is remembered as one file: only where its content need not be looked at. */
  #keepsLinks(change: Change, frame: Frame): boolean {
    if (!this.#isLinkedAlike(change)) return false;
    this.#rememberLinks(change, frame);
    return true;
  }

  /** True if the pair is the same file on both sides as far as hard links go. */
  #isLinkedAlike({ source, target }: Change): boolean {
    return source.kind === 'directory' || this.#links.judge(source, target) === 'keep';
  }

  /** Further names of the source's file become names of this target, so it must be known to be the same. */
  #rememberLinks({ source, target }: Change, frame: Frame): void {
    if (source.kind === 'directory' || (source.nlink < 2 && target.nlink < 2)) return;
    this.#links.remember(source, target.id, target.inode, `${frame.path}/${target.name}`);
  }

  /**
   * A copy that cannot be read is replaced like one that differs; where it is the source that cannot be read, the copy
   * stays.
   */
  #hasSameContent({ source, target }: Change, frame: Frame): boolean {
    const { content, report } = this.#options;
    const path = `${frame.path}/${source.name}`;
    const isSame = (): boolean => {
      try {
        return content.equal(this.#options.source, source, this.#options.target, target);
      } catch (error) {
        if (error instanceof CorruptError) return false;
        if (!(error instanceof SourceError)) throw error;
        report.kept(path, error);
        return true;
      }
    };
    try {
      const same = isSame();
      const traits = this.#options.target.traits;
      if (!same && this.#options.checksum && compareItems(source, target, traits) !== 'look') report.mended(path);
      return same;
    } finally {
      this.#options.source.release(source.id);
    }
  }

  /** Makes room for the source's item, unless it cannot be read: then the target's stays, and that is reported. */
  #setAside({ source, target }: Change, frame: OpenFrame): boolean {
    const { report, aside } = this.#options;
    const path = `${frame.path}/${source.name}`;
    try {
      if (source.kind === 'file') this.#options.source.read(source.id, 0, NOTHING);
      if (source.kind === 'symlink') this.#options.source.readlink(source.id);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      report.failed(path, error);
      return false;
    }
    report.moved(`${frame.path}/${target.name}`, aside.put(frame.target, frame.path, target));
    return true;
  }

  /** False if the source could not be read. */
  #updateChild(change: Change, frame: OpenFrame, scanned: number): boolean {
    const path = `${frame.path}/${change.source.name}`;
    try {
      this.#update(change, path, scanned);
      return true;
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#options.report.failed(path, error);
      return false;
    } finally {
      if (change.source.kind !== 'directory') this.#options.source.release(change.source.id);
    }
  }

  /** Attributes only. A change of nothing but the change time is written, but not counted, and neither is the root. */
  #update({ source, target }: Change, path: string, scanned: number): void {
    const { report } = this.#options;
    const traits = sharedTraits(this.#options.source.traits, this.#options.target.traits);
    assert(path === '' || source.kind === target.kind, 'attributes are copied between items of one kind');
    const hasXattrs = source.hasXattrs || target.hasXattrs;
    const differs = plainAttributesDiffer(source, target, traits);
    const before = new ChangedAttributes(target);
    const told = { notKept: report.notKept, was: before.was };
    const xattrsChanged =
      hasXattrs && mirrorXattrs(this.#options.source, source, this.#options.target, target.id, told);
    // HFS+ keeps a flag in the Finder info, which may just have changed.
    const kept = xattrsChanged ? this.#options.target.stat(target.id).flags : target.flags;
    const flags = (source.flags & traits.flags) | (kept & ~traits.flags);
    const wanted = { ...this.#creator.attributes(source, scanned), flags: flags >>> 0 };
    const isTold =
      traits.changeTimes && (wanted.ctime !== target.ctime || compareItems(source, target, traits) !== 'none');
    if (differs || xattrsChanged || isTold) this.#options.target.setAttributes(target.id, wanted);
    if (differs || xattrsChanged) report.attributesChanged(path, before);
    if (path === '') return;
    if (differs || xattrsChanged) report.counts.updated += 1;
    else report.counts.unchanged += 1;
  }
}
