// The free queue: what is packed into nodes is loaded again, in trees of one level and of three.

import { Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { put64 } from '../object.js';
import { FreeQueue as FreeQueueHead, SPACEMAN_SIZE, Spaceman } from '../structs/spaceman.js';
import { FreeQueue } from './free-queue.js';
import { MAIN_QUEUE_AT, Pool } from './pool.js';

const none = (): Uint8Array => {
  throw new Error('nothing is read');
};
function head(limit: number): DataView {
  const view = new DataView(new ArrayBuffer(8192));
  view.setUint16(MAIN_QUEUE_AT + FreeQueueHead.at.sfq_tree_node_limit, limit, true);
  return view;
}
function content(queue: FreeQueue): string[] {
  const ranges: string[] = [];
  queue.release(Number.MAX_SAFE_INTEGER, (start, count) => ranges.push(`${start}+${count}`));
  return ranges.sort();
}

test.each([0, 1, 142, 143, 144, 145, 5000, 144 * 143 - 5, 144 * 144, 40_000])('%i ranges come back', (many) => {
  const random = new Random(many);
  const view = head(512);
  const queue = new FreeQueue(view, MAIN_QUEUE_AT, none);
  const expected: string[] = [];
  const order = random.shuffle(Array.from({ length: many }, (_, i) => i));
  for (const i of order) {
    const count = random.oneIn(2) ? 1 : random.between(2, 9);
    queue.add(7 + (i % 3), 1000 + 20 * i, count);
    expected.push(`${1000 + 20 * i}+${count}`);
  }
  expect(queue.fits()).toBe(true);
  let oid = 2000;
  const newOid = (): number => (oid += 1);
  const nodes = queue.pack(view, MAIN_QUEUE_AT, newOid);
  expect(nodes.length).toBeLessThanOrEqual(512);
  expect(nodes).toHaveLength(oid - 2000);
  const byOid = new Map(nodes.map((each) => [each.oid, each.node.bytes]));
  const again = new FreeQueue(view, MAIN_QUEUE_AT, (each) => byOid.get(each) ?? none());
  expect(again.blocks).toBe(queue.blocks);
  expect(again.blocksBefore(8)).toBe(queue.blocksBefore(8));
  expect(content(again)).toEqual(expected.sort());
  expect(again.blocks).toBe(0);
});

test('touching ranges of one transaction are one record', () => {
  const queue = new FreeQueue(head(1), MAIN_QUEUE_AT, none);
  for (let block = 0; block < 1000; block += 2) queue.add(5, 100 + block, 1);
  expect(queue.fits()).toBe(false);
  for (let block = 1; block < 1000; block += 2) queue.add(5, 100 + block, 1);
  expect(queue.fits()).toBe(true);
  expect(queue.records).toBe(1);
});

test('a queue whose count does not hold is refused', () => {
  const view = head(1);
  put64(view, MAIN_QUEUE_AT + FreeQueueHead.at.sfq_count, 3);
  expect(() => new FreeQueue(view, MAIN_QUEUE_AT, none)).toThrow(expect.objectContaining({ code: 'corrupt' }));
});

test('a pool that lies outside the container is refused', () => {
  const view = new DataView(new ArrayBuffer(8192));
  put64(view, Spaceman.at.sm_ip_base, 1 << 20);
  put64(view, Spaceman.at.sm_ip_block_count, 6);
  view.setUint32(Spaceman.at.sm_ip_bm_size_in_blocks, 1, true);
  view.setUint32(Spaceman.at.sm_ip_bm_block_count, 16, true);
  expect(SPACEMAN_SIZE).toBeLessThan(view.byteLength);
  const device = { size: 1 << 20, read: none } as unknown as ConstructorParameters<typeof Pool>[0];
  expect(() => new Pool(device, view, none)).toThrow(expect.objectContaining({ code: 'corrupt' }));
});
