import { hostContext, type ImageInfo, info } from '@tintype/engine';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { withPassphrase } from '../image-volume.js';
import { jsonText } from '../output/json-text.js';
import { printable } from '../output/printable.js';
import { showCount, showSize } from '../quantities.js';
import { line } from '../terminal.js';

export const run: CommandBody = async (parsed, io) => {
  const [image = ''] = parsed.operands;
  const facts = await withPassphrase(parsed, image, (passphrase) => info(image, hostContext(), passphrase));
  if (io.json) line(jsonText(facts));
  else for (const row of rows(facts)) line(row);
  return EXIT.done;
};

const ONLY_OPEN = 'only its passphrase tells';

/** Why an image takes more, or less, than the data in it (B11). */
function* differenceRows(volumes: ImageInfo['volumes'], hostBytes: number, reclaimable: number): Generator<string> {
  const used = volumes.reduce((sum, volume) => sum + volume.used, 0);
  const unstored = used + reclaimable - hostBytes;
  yield `reclaimable: ${showSize(reclaimable)}${reclaimable > 0 ? " that no file uses any more, but the host stores: 'tintype compact' gives it back" : ''}`;
  if (unstored > 0) yield `not stored:  ${showSize(unstored)} that the volumes use: zeros take no room on the host`;
}

function* rows({
  container,
  partitions,
  volumes,
  reclaimable,
  timeMachine,
  lockedBy,
  findings,
}: ImageInfo): Generator<string> {
  const { format, size, bandSize, bandsPresent, encryption, hostBytes } = container;
  // What was opened has a partition at least: the whole disk.
  const isClosed = encryption !== null && partitions.length === 0;
  yield `format:      ${format ?? ONLY_OPEN}${timeMachine ? ', belongs to Time Machine' : ''}`;
  yield `encryption:  ${encryption ? `${encryption.algorithm}-${encryption.keyBits}, ${encryption.iterations} rounds${isClosed ? '; a passphrase is needed for more' : ''}` : 'none'}`;
  yield `capacity:    ${size === null ? ONLY_OPEN : showSize(size)}`;
  yield `on the host: ${showSize(hostBytes)}${bandSize === undefined ? '' : ` in ${showCount(bandsPresent ?? 0, 'band')} of ${showSize(bandSize)}`}`;
  yield* differenceRows(volumes, hostBytes, reclaimable);
  for (const { place, message } of findings)
    yield `damaged:     ${printable(place)}: ${printable(message)}; 'tintype verify' tells all`;
  yield `in use by:   ${lockedBy === null ? 'nobody' : printable(lockedBy)}`;
  for (const { index, type, name, start, size: bytes } of partitions)
    yield `partition ${index}: ${printable(type || 'whole disk')} ${printable(name)}, ${showSize(bytes)} at byte ${start}`;
  for (const volume of volumes) {
    yield `volume ${volume.index}:    ${printable(volume.name)} (${volume.fs}${volume.caseSensitive ? ', case-sensitive' : ''}${volume.encrypted ? ', encrypted: its passphrase is needed for more' : ''}), ${volume.uuid}`;
    yield `  ${showSize(volume.used)} used, ${showSize(volume.free)} free; ${showCount(volume.files, 'file')}, ${showCount(volume.directories, 'folder')}; written by ${printable(volume.writer)}${volume.dirty ? ', not closed cleanly' : ''}`;
    for (const { name, xid, created } of volume.snapshots) yield `  snapshot ${printable(name)} (${xid}), ${created}`;
  }
}
