import { UnsupportedError } from '@tintype/core';
import { hostContext, info } from '@tintype/engine';
import { type SummaryEvent, UsageError } from '@tintype/engine/run';
import { flag, text } from '../arguments.js';
import type { CommandBody, Parsed } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withPassphrase } from '../image-volume.js';
import { printable } from '../output/printable.js';
import { parseDuration } from '../quantities.js';
import { type Io, line } from '../terminal.js';
import { runUnlocked } from '../unlocked.js';

/** How many operands each action takes. */
const OPERANDS = { list: 2, create: 3, delete: 3, rename: 4 } as const;

export const run: CommandBody = (parsed, io) => {
  const [action = '', image = '', name = '', to] = parsed.operands;
  if (!isAction(action)) throw new UsageError(`snapshot ${action}: known are list, create, rename, delete`);
  if (parsed.operands.length !== OPERANDS[action])
    throw new UsageError(`snapshot ${action} takes ${OPERANDS[action] - 1} operands after its name`);
  if (action === 'list') return list(parsed, io);
  const waitLock = text(parsed, 'wait-lock');
  const options = {
    image,
    action,
    name,
    to,
    volume: text(parsed, 'volume'),
    allowTimeMachine: flag(parsed, 'allow-time-machine'),
    waitLock: waitLock === undefined ? undefined : parseDuration(waitLock) * 1000,
  };
  return runUnlocked('snapshot', options, { parsed, io }, { summary: summaryText });
};

function isAction(action: string): action is keyof typeof OPERANDS {
  return Object.hasOwn(OPERANDS, action);
}

async function list(parsed: Parsed, io: Io): Promise<number> {
  const image = parsed.operands[1] as string;
  const facts = await withPassphrase(parsed, image, (passphrase) => info(image, hostContext(), passphrase));
  const wanted = text(parsed, 'volume');
  const isWanted = ({ index, name, uuid }: (typeof facts.volumes)[number]): boolean =>
    wanted === undefined || [String(index), name, uuid].includes(wanted);
  const chosen = facts.volumes.find(isWanted);
  if (!chosen) throw new UnsupportedError(`${image} holds no volume ${wanted ?? ''}`);
  if (io.json) line(JSON.stringify(chosen.snapshots));
  else for (const { name, xid, created } of chosen.snapshots) line(`${created}  ${xid}  ${printable(name)}`);
  return EXIT.done;
}

function summaryText(summary: SummaryEvent): string {
  const { action, snapshot } = summary as SummaryEvent & { action: string; snapshot: { name: string; xid: number } };
  return `snapshot ${printable(snapshot.name)} (${snapshot.xid}): ${action === 'create' ? 'made' : `${action}d`}`;
}
