// Trees compared with a sorted map, after random changes; and how full a run leaves them.

import { count, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { put64 } from '../object.js';
import { putKeyHeader } from '../records/inode-record.js';
import { RECORD_TYPE } from '../structs/records.js';
import { EXTENT_REFERENCE_TREE, fileSystemTree, OMAP_TREE, type TreeKind } from './kinds.js';
import { RecordBuffer } from './node.js';
import type { Tree } from './tree.js';
import { expectSound, memoryTree } from './tree.testing.js';

interface Shape {
  readonly kind: TreeKind;
  /** Puts the key of a number. */
  readonly putKey: (record: RecordBuffer, number: number) => void;
  readonly valueLength: (random: Random) => number;
}

/** Names of differing lengths, in the order of their numbers. */
function putName(record: RecordBuffer, number: number): void {
  putKeyHeader(record.view, 0, 16 + Math.floor(number / 50), RECORD_TYPE.xattr);
  const name = `n${String(number % 50).padStart(2, '0')}${'x'.repeat((number * 7919) % 240)}\0`;
  record.view.setUint16(8, name.length, true);
  record.bytes.set(Buffer.from(name), 10);
  record.keyLength = 10 + name.length;
}
const shapes: Record<string, Shape> = {
  catalog: {
    kind: fileSystemTree('hashed'),
    putKey: putName,
    valueLength: (random) => (random.oneIn(20) ? random.between(1000, 3700) : random.between(0, 300)),
  },
  map: {
    kind: OMAP_TREE,
    putKey: (record, number) => {
      put64(record.view, 0, number >> 1);
      put64(record.view, 8, number & 1);
      record.keyLength = 16;
    },
    valueLength: () => 16,
  },
  extents: {
    kind: EXTENT_REFERENCE_TREE,
    putKey: (record, number) => {
      putKeyHeader(record.view, 0, number, RECORD_TYPE.extent);
      record.keyLength = 8;
    },
    valueLength: () => 20,
  },
};
const record = new RecordBuffer();

function put({ putKey }: Shape, number: number, value: Uint8Array): void {
  putKey(record, number);
  record.bytes.set(value, record.keyLength);
  record.valueLength = value.length;
}
function content(tree: Tree, shape: Shape): string[] {
  const found: string[] = [];
  shape.putKey(record, 0);
  tree.scan(record, (leaf, index) => {
    const key = Buffer.from(leaf.bytes).subarray(leaf.keyAt(index), leaf.keyAt(index) + leaf.keyLength(index));
    const at = leaf.valueAt(index);
    found.push(`${key.toString('hex')}=${Buffer.from(leaf.bytes).toString('hex', at, at + leaf.valueLength(index))}`);
    return true;
  });
  return found;
}
function expected(model: Map<number, Uint8Array>, shape: Shape): string[] {
  return [...model]
    .sort(([a], [b]) => a - b)
    .map(([number, value]) => {
      shape.putKey(record, number);
      return `${Buffer.from(record.bytes.subarray(0, record.keyLength)).toString('hex')}=${Buffer.from(value).toString('hex')}`;
    });
}

for (const [name, shape] of Object.entries(shapes)) {
  test.each([1, 2, 3])(`${name}: random changes give the records of a map, seed %i`, (seed) => {
    const random = new Random(seed);
    const { tree, store } = memoryTree(shape.kind);
    const model = new Map<number, Uint8Array>();
    const steps = count(4000, 40_000);
    for (let step = 0; step < steps; step += 1) {
      const isGrowing = Math.floor(step / (steps / 4)) % 2 === 0;
      const number = random.below(3000);
      const value = random.bytes(shape.valueLength(random));
      put(shape, number, value);
      expect(tree.find(record)).toBe(model.has(number));
      if (!model.has(number)) {
        if (!isGrowing && !random.oneIn(5)) continue;
        tree.inRun = random.oneIn(3);
        tree.insert(record);
        model.set(number, value);
      } else if (random.oneIn(isGrowing ? 4 : 1)) {
        expect(tree.remove(record)).toBe(true);
        model.delete(number);
      } else {
        tree.replace(record);
        model.set(number, value);
      }
      if (step % 500 === 0) {
        expectSound(tree, store);
        store.settle();
        expectSound(tree, store);
      }
    }
    expect(content(tree, shape)).toEqual(expected(model, shape));
    for (const number of random.shuffle([...model.keys()])) {
      shape.putKey(record, number);
      expect(tree.remove(record)).toBe(true);
    }
    expectSound(tree, store);
    expect([tree.keyCount, tree.nodeCount, tree.height]).toEqual([0, 1, 1]);
  });

  test(`${name}: a run of ascending keys fills its nodes`, () => {
    const { tree, store } = memoryTree(shape.kind);
    const random = new Random(9);
    tree.inRun = true;
    let bytes = 0;
    for (let number = 0; number < 5000; number += 1) {
      put(shape, number, random.bytes(Math.min(100, shape.valueLength(random))));
      tree.insert(record);
      bytes += record.keyLength + record.valueLength + 8;
    }
    expectSound(tree, store);
    expect(bytes / (tree.nodeCount * 4000)).toBeGreaterThan(0.75);
  });
}
