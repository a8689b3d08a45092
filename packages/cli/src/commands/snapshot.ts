import { hostContext, listSnapshots } from '@tintype/engine';
import { type PrunedSnapshot, type SummaryEvent, UsageError } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody, Parsed } from '../command.js';
import { EXIT } from '../exit-status.js';
import { openingNotes, withPassphrase } from '../image-volume.js';
import { keepRules } from '../keeping.js';
import { locking } from '../locking.js';
import { jsonText } from '../output/json-text.js';
import { printable } from '../output/printable.js';
import { showCount, showSize } from '../quantities.js';
import { type Io, line } from '../terminal.js';
import { runUnlocked } from '../unlocked.js';

/** How many operands each action takes. */
const OPERANDS = { list: 2, create: 3, delete: 3, rename: 4, revert: 3, pin: 3, unpin: 3, prune: 2 } as const;
const DONE = {
  create: 'made',
  delete: 'deleted',
  rename: 'renamed',
  revert: 'the volume is what it holds',
  pin: 'pinned',
  unpin: 'unpinned',
} as const;

export const run: CommandBody = (parsed, io) => {
  const [action = '', image = '', name = '', to] = parsed.operands;
  if (!isAction(action)) throw new UsageError(`snapshot ${action}: known are ${Object.keys(OPERANDS).join(', ')}`);
  if (parsed.operands.length !== OPERANDS[action])
    throw new UsageError(`snapshot ${action} takes ${OPERANDS[action] - 1} operands after its name`);
  const rules = keepRules(parsed);
  if (action !== 'prune' && (rules || flag(parsed, 'dry-run')))
    throw new UsageError(`snapshot ${action} takes no --dry-run and no --keep-…: those are for prune`);
  const deleteNewer = flag(parsed, 'delete-newer');
  if (action !== 'revert' && deleteNewer) throw new UsageError(`snapshot ${action} takes no --delete-newer`);
  if (action === 'list') return list(parsed, io);
  const choice = {
    image,
    volume: text(parsed, 'volume'),
    allowTimeMachine: flag(parsed, 'allow-time-machine'),
    ...locking(parsed),
  };
  if (action !== 'prune')
    return runUnlocked(
      'snapshot',
      { ...choice, action, name, to, deleteNewer },
      { parsed, io },
      { summary: summaryText },
    );
  const options = { ...choice, keepRules: rules ?? {}, dryRun: flag(parsed, 'dry-run') };
  return runUnlocked('prune', options, { parsed, io }, { result: prunedText, summary: pruneSummary });
};

function isAction(action: string): action is keyof typeof OPERANDS {
  return Object.hasOwn(OPERANDS, action);
}

async function list(parsed: Parsed, io: Io): Promise<number> {
  const image = parsed.operands[1] as string;
  const volume = text(parsed, 'volume');
  const ignoreChecksums = flag(parsed, 'ignore-checksums');
  const report = openingNotes(parsed, image);
  const all = await withPassphrase(parsed, image, (passphrase) =>
    listSnapshots({ image, volume, passphrase, ignoreChecksums, report }, hostContext()),
  );
  if (io.json) line(jsonText(all));
  else
    for (const { name, xid, created, alone, pinned } of all) {
      const size = alone === null ? 'unknown' : showSize(alone);
      line(`${created}  ${xid}  ${size.padStart(11)}  ${pinned ? 'pinned' : '-     '}  ${printable(name)}`);
    }
  return EXIT.done;
}

function summaryText(summary: SummaryEvent): string {
  const { action, snapshot } = summary as SummaryEvent & {
    action: keyof typeof DONE;
    snapshot: { name: string; xid: number };
  };
  return `snapshot ${printable(snapshot.name)} (${snapshot.xid}): ${DONE[action]}`;
}

function prunedText(value: unknown): string {
  const { action, snapshot, reasons } = value as PrunedSnapshot;
  const why = reasons.length > 0 ? ` (${reasons.join(', ')})` : '';
  return `${action.padEnd(6)}  ${printable(snapshot)}${why}`;
}

function pruneSummary({ deleted, kept, bytes, dryRun }: SummaryEvent): string {
  const what = `${showCount(Number(deleted), 'snapshot')}${dryRun ? ' would be' : ''} deleted, ${kept} kept`;
  return `${what}; ${showSize(Number(bytes))} ${dryRun ? 'would be ' : ''}given back`;
}
