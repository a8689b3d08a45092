import { MemoryDevice } from '@tintype/core';
import { expect, test } from 'vitest';
import { checkTree, treeRules } from '../check/btree.js';
import { ForkFile } from '../check/fork-file.js';
import { Report } from '../check/report.js';
import { putKey, threadRecord } from '../records/catalog-records.js';
import { type LeafRecord, recordIn } from './leaf-record.js';
import { buildTree, nodesFor, type TreeForm } from './tree-builder.js';

const BLOCK = 512;

function threads(count: number): LeafRecord[] {
  return Array.from({ length: count }, (_, i) =>
    recordIn(putKey(100 + i, '', threadRecord('file', 2, `file number ${i}`))),
  );
}

function findings(nodes: readonly Uint8Array[], form: TreeForm) {
  const device = new MemoryDevice(new Uint8Array(form.totalNodes * form.nodeSize + BLOCK));
  for (const [i, node] of nodes.entries()) device.write(BLOCK + i * form.nodeSize, node);
  const file = new ForkFile(device, BLOCK, [1, (form.totalNodes * form.nodeSize) / BLOCK]);
  const report = new Report();
  let seen = 0;
  const visit = () => {
    seen += 1;
  };
  const rules = treeRules('catalog', false);
  const options = { name: 'catalog' as const, file, journaled: true, clumpSize: BLOCK, ...rules, visit };
  checkTree({ ...options, tick: () => {} }, report);
  return { found: report.take(), seen };
}

function form(nodeSize: number, totalNodes: number): TreeForm {
  return {
    nodeSize,
    totalNodes,
    maxKeyLength: 516,
    keyCompareType: 0xcf,
    clumpSize: BLOCK,
    attributes: 6,
    oldHeader: new Uint8Array(nodeSize),
  };
}

test.each([
  ['empty', 4096, 4, 0],
  ['of one leaf', 4096, 4, 3],
  ['of two levels', 4096, 16, 500],
  ['of four levels', 512, 400, 3000],
  ['with map nodes', 512, 9000, 100],
])('a tree %s keeps every rule', (_what, nodeSize, totalNodes, count) => {
  const shape = form(nodeSize, totalNodes);
  const nodes = buildTree(threads(count), shape);
  expect(nodes.length).toBe(nodesFor(threads(count), shape));
  expect(findings(nodes, shape)).toEqual({ found: [], seen: count });
});
