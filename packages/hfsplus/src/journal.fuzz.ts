import { CorruptError } from '@tintype/core';
import { count, Random, RecordingDevice, type SparseDevice } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { journalChecksum } from './journal/checksum.js';
import {
  INFO_AT,
  JOURNAL_AT,
  JOURNAL_SIZE,
  journaledDisk,
  openJournal,
  randomBlocks,
  readBytes,
} from './journal/journaled.testing.js';
import { BlockListHeader, JournalHeader } from './structs/journal.js';

/** A disk with a transaction of two lists that waits. */
function waitingDisk(): SparseDevice {
  const disk = journaledDisk();
  const journal = openJournal(disk);
  journal.commit(randomBlocks(new Random(1), 40));
  journal.retire();
  disk.flush();
  journal.commit(randomBlocks(new Random(2), 600, 1));
  return disk;
}

/** Changes a few bytes of a structure, often to values of weight, and puts its checksum right most of the time. */
function damage(
  disk: SparseDevice,
  random: Random,
  place: { at: number; length: number; sum: number; sealed: number },
) {
  const { at, length, sum, sealed } = place;
  const bytes = readBytes(disk, at, length);
  const view = new DataView(bytes.buffer);
  for (let i = random.between(1, 3); i > 0; i -= 1) {
    const offset = random.below(length / 2) * 2;
    if (random.oneIn(3)) view.setUint16(offset, random.pick([0, 1, 0x7fff, 0x8000, 0xffff]), true);
    else bytes[offset] = random.below(256);
  }
  if (sealed > 0 && !random.oneIn(4)) {
    view.setUint32(sum, 0);
    view.setUint32(sum, journalChecksum(bytes.subarray(0, sealed)), true);
  }
  disk.write(at, bytes);
}

test('a journal of any bytes is replayed inside the volume and outside itself, or refused', () => {
  const sound = waitingDisk();
  const random = new Random(2024);
  const { start } = JournalHeader.read(new DataView(readBytes(sound, JOURNAL_AT, 512).buffer), 0);
  const places = [
    { at: INFO_AT, length: 64, sum: 0, sealed: 0 },
    { at: JOURNAL_AT, length: 48, sum: JournalHeader.at.checksum, sealed: 44 },
    { at: JOURNAL_AT + start, length: 48, sum: BlockListHeader.at.checksum, sealed: 32 },
    { at: JOURNAL_AT + start, length: 8192, sum: BlockListHeader.at.checksum, sealed: 32 },
  ];
  const outcomes = { replayed: 0, empty: 0, refused: 0 };
  for (let round = 0; round < count(600, 20_000); round += 1) {
    const disk = sound.clone();
    damage(disk, random, random.pick(places));
    const recorded = new RecordingDevice(disk);
    try {
      outcomes[openJournal(recorded).replay(recorded) ? 'replayed' : 'empty'] += 1;
    } catch (error) {
      expect(error).toBeInstanceOf(CorruptError);
      outcomes.refused += 1;
    }
    for (const { kind, position, length } of recorded.calls) {
      if (kind !== 'write') continue;
      expect(position >= JOURNAL_AT + JOURNAL_SIZE || position + length <= JOURNAL_AT).toBe(true);
    }
  }
  // The damage reaches all ways: it is no test if everything is refused.
  expect(Math.min(outcomes.replayed, outcomes.refused), JSON.stringify(outcomes)).toBeGreaterThan(10);
});
