// Trees of small nodes against a sorted list: after any changes the same records, and every rule of the format kept.

import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { recordsOf, type SmallTree, smallRecord, smallTree } from './tree.testing.js';

function keyOf(record: Uint8Array): DataView {
  return new DataView(record.buffer, record.byteOffset, record.length);
}

/** A model: records by the text that sorts like their keys. */
class Model {
  readonly #records = new Map<string, Uint8Array>();
  static text(id: number, name: string): string {
    return `${String(id).padStart(10, '0')} ${name}`;
  }
  has(id: number, name: string): boolean {
    return this.#records.has(Model.text(id, name));
  }
  put(id: number, name: string, record: Uint8Array): void {
    this.#records.set(Model.text(id, name), record);
  }
  delete(text: string): void {
    this.#records.delete(text);
  }
  get entries(): [string, Uint8Array][] {
    return [...this.#records].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  }
}

function expectSame(small: SmallTree, model: Model, message: string): void {
  const hex = (record: Uint8Array) => Buffer.from(record).toString('hex');
  const wanted = model.entries.map(([, record]) => hex(record));
  expect(recordsOf(small).map(hex), message).toEqual(wanted);
}

/** Names of very different lengths: an index key that changes can become much longer. */
function randomName(random: Random): string {
  const letters = random.oneIn(3) ? random.between(1, 60) : random.between(1, 8);
  return Array.from({ length: letters }, () => String.fromCharCode(97 + random.below(26))).join('');
}

test.each(Array.from({ length: count(12, 200) }, (_, i) => i + 1))('random inserts and removals, seed %i', (seed) => {
  const random = new Random(seed);
  const small = smallTree({ nodeSize: 512, nodes: 4, blocks: 8192 });
  const model = new Model();
  let grows = true;
  for (let step = 0; step < 1500; step += 1) {
    const entries = model.entries;
    if (entries.length > 350) grows = false;
    if (entries.length < 20) grows = true;
    if (entries.length > 0 && random.below(10) < (grows ? 3 : 7)) {
      const [text, record] = random.pick(entries);
      small.tree.reserveRemovals(1);
      expect(small.tree.remove(keyOf(record))).toBe(true);
      model.delete(text);
    } else {
      const id = random.below(30);
      const name = randomName(random);
      if (model.has(id, name)) continue;
      const record = smallRecord(id, name, 2 + 2 * random.below(50));
      small.tree.reserve(1);
      small.tree.insert(record);
      model.put(id, name, record);
    }
    if (step % 25 === 0) expectSame(small, model, `step ${step}`);
  }
  expectSame(small, model, 'at the end');
  for (const [text, record] of model.entries) {
    small.tree.reserveRemovals(1);
    small.tree.remove(keyOf(record));
    model.delete(text);
  }
  expectSame(small, model, 'emptied');
  expect(small.tree.depth).toBe(0);
});
