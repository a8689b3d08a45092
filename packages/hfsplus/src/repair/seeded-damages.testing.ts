// Kinds of damage, each at a random place of any volume. A kind answers the names of the items that it touches: nothing else
// may change by the repair. Null: this volume has nothing for it to damage.

import type { Random } from '@tintype/testkit';
import { BSD, FORK } from '../check/damage.testing.js';
import { type Place, pack, type Sample, type TreeName } from '../check/sample.testing.js';
import { HEADER_MAP_AT, HeaderRecord, NODE_KIND, NodeDescriptor } from '../structs/btree.js';
import { CatalogFile, CatalogFolder, RECORD_TYPE } from '../structs/catalog.js';
import { ForkData, VolumeHeader } from '../structs/volume-header.js';

export type SeededDamage = (volume: Sample, random: Random) => string[] | null;

const { at: header } = VolumeHeader;
const { at: file } = CatalogFile;
const { at: folder } = CatalogFolder;
const { at: node } = NodeDescriptor;
const { at: tree } = HeaderRecord;
const TREES: readonly TreeName[] = ['catalog', 'attributes', 'extents'];
const HLNK = 0x686c_6e6b;

function nameOf(v: Sample, { key }: Place): string {
  let name = '';
  for (let i = 0; i < v.view.getUint16(key + 6); i += 1) name += String.fromCharCode(v.view.getUint16(key + 8 + 2 * i));
  return name.replaceAll(':', '/');
}

const isType = (v: Sample, place: Place, type: number) => v.view.getUint16(place.data) === type;

/** A random record of the catalog: the volume's own files and folders are spared. */
function pick(v: Sample, random: Random, fits: (place: Place) => boolean): Place | null {
  const own = /^\.journal|^\0|Private Directory|^iNode/;
  const places = [...v.leaves('catalog')].filter((place) => {
    if (v.view.getUint32(place.key + 2) < 2) return false;
    return !own.test(nameOf(v, place)) && fits(place);
  });
  return places.length > 0 ? random.pick(places) : null;
}

const isLink = (v: Sample, place: Place) =>
  isType(v, place, RECORD_TYPE.file) && v.view.getUint32(place.data + file.userInfo) === HLNK;
const isPlainFile = (v: Sample, place: Place) =>
  isType(v, place, RECORD_TYPE.file) &&
  !isLink(v, place) &&
  (v.view.getUint16(place.data + BSD.mode) & 0xf000) === 0x8000;
const isFolder = (v: Sample, place: Place) => isType(v, place, RECORD_TYPE.folder);
const isThread = (v: Sample, place: Place) => v.view.getUint16(place.data) > RECORD_TYPE.file;

/** Does it to a random record; answers its name, and the one that it has afterwards. */
function on(
  fits: (v: Sample, place: Place) => boolean,
  damage: (v: Sample, place: Place, random: Random) => void,
): SeededDamage {
  return (v, random) => {
    const place = pick(v, random, (each) => fits(v, each));
    if (!place) return null;
    const name = nameOf(v, place);
    damage(v, place, random);
    return name === '' ? [] : [name, nameOf(v, place)];
  };
}

const quiet =
  (damage: (v: Sample, random: Random) => void): SeededDamage =>
  (v, random) => {
    damage(v, random);
    return [];
  };

function randomTree(v: Sample, random: Random): TreeName {
  return random.pick(
    TREES.filter((name) => v.header(header[`${name}File`] + FORK.blocks) > 0 && usedLeaves(v, name) > 0),
  );
}

function leafNodes(v: Sample, name: TreeName): number[] {
  return [...new Set([...v.leaves(name)].map((place) => place.node))];
}
const usedLeaves = (v: Sample, name: TreeName): number => leafNodes(v, name).length;

/** Position of a random leaf. */
function randomLeaf(v: Sample, random: Random): { name: TreeName; at: number; size: number } {
  const name = randomTree(v, random);
  const at = v.node(name, random.pick(leafNodes(v, name)));
  return { name, at, size: v.nodeSize(name) };
}

function rootOf(v: Sample, name: TreeName): number | null {
  if (v.view.getUint16(v.record(name) + tree.treeDepth) < 2) return null;
  return v.node(name, v.view.getUint32(v.record(name) + tree.rootNode));
}

function onRoot(damage: (v: Sample, at: number, size: number, random: Random) => void): SeededDamage {
  return (v, random) => {
    const at = rootOf(v, 'catalog');
    if (at === null) return null;
    damage(v, at, v.nodeSize('catalog'), random);
    return [];
  };
}

const bitmapAt = (v: Sample) => v.header(header.allocationFile + FORK.extents) * v.blockSize;
const flip = (v: Sample, at: number, mask: number) => {
  v.bytes[at] = (v.bytes[at] ?? 0) ^ mask;
};

function journalPlace(v: Sample): { info: number; at: number } | null {
  const block = v.header(header.journalInfoBlock);
  if (block === 0) return null;
  const info = block * v.blockSize;
  return { info, at: v.view.getUint32(info + 40) };
}

const onJournal =
  (damage: (v: Sample, place: { info: number; at: number }, random: Random) => void): SeededDamage =>
  (v, random) => {
    const place = journalPlace(v);
    if (!place) return null;
    damage(v, place, random);
    return [];
  };

const nodeField = (random: Random, v: Sample, at: number, value: number, width: 1 | 2 | 4): void => {
  const { at: leaf } = randomLeaf(v, random);
  if (width === 1) v.view.setUint8(leaf + at, value);
  else if (width === 2) v.view.setUint16(leaf + at, value);
  else v.view.setUint32(leaf + at, value);
};

const VOLUME: Readonly<Record<string, SeededDamage>> = {
  'header zeroed': quiet((v) => v.bytes.fill(0, 1024, 1536)),
  'header of noise': quiet((v, random) => v.bytes.set(random.bytes(512), 1024)),
  'alternate header zeroed': quiet((v) => v.bytes.fill(0, v.bytes.length - 1024, v.bytes.length - 512)),
  'a count in the header': quiet((v, random) =>
    v.view.setUint32(1024 + random.pick([header.fileCount, header.folderCount, header.freeBlocks]), random.below(5000)),
  ),
  'the next id': quiet((v, random) => v.view.setUint32(1024 + header.nextCatalogID, 16 + random.below(3))),
  'the next block': quiet((v, random) =>
    v.view.setUint32(1024 + header.nextAllocation, 0x7000_0000 + random.below(99)),
  ),
  'the mark of damage': quiet((v) => v.view.setUint32(1024 + header.attributes, v.header(header.attributes) | 0x4000)),
  'a failed replay': quiet((v) => v.view.setUint32(1024 + header.lastMountedVersion, 0x4653_4b21)),
  'the place of a tree in the header': quiet((v, random) => {
    const name = random.pick(['catalogFile', 'extentsFile'] as const);
    v.view.setUint32(1024 + header[name] + FORK.extents, 0xfff0_0000 + random.below(999));
  }),
  'a clump size': quiet((v, random) =>
    v.view.setUint32(1024 + random.pick([header.rsrcClumpSize, header.dataClumpSize]), 1 + random.below(300)),
  ),
  'bits of the bitmap': quiet((v, random) => {
    for (let i = 0; i < 9; i += 1)
      flip(v, bitmapAt(v) + random.below(v.header(header.totalBlocks) >> 3), 1 << random.below(8));
  }),
  'a part of the bitmap zeroed': quiet((v, random) => {
    const at = bitmapAt(v) + random.below(32);
    v.bytes.fill(0, at, at + 16 + random.below(32));
  }),
  'a part of the bitmap all ones': quiet((v, random) => {
    const at = bitmapAt(v) + (v.header(header.totalBlocks) >> 4) + random.below(16);
    v.bytes.fill(0xff, at, at + 40);
  }),
  'journal header': onJournal((v, { at }, random) => v.bytes.set(random.bytes(48), at)),
  'journal info block': onJournal((v, { info }) => v.bytes.fill(0, info, info + 512)),
  'journal block in the header': onJournal((v, _place, random) =>
    v.view.setUint32(1024 + header.journalInfoBlock, 0xff00_0000 + random.below(9)),
  ),
};

const SHAPE: Readonly<Record<string, SeededDamage>> = {
  'header node zeroed': quiet((v, random) => {
    const name = randomTree(v, random);
    v.bytes.fill(0, v.tree(name), v.tree(name) + v.nodeSize(name));
  }),
  'a field of the header record': quiet((v, random) => {
    const field = random.pick([
      tree.rootNode,
      tree.leafRecords,
      tree.firstLeafNode,
      tree.lastLeafNode,
      tree.totalNodes,
      tree.freeNodes,
    ]);
    v.view.setUint32(v.record(randomTree(v, random)) + field, 1000 + random.below(99));
  }),
  'the depth': quiet((v, random) =>
    v.view.setUint16(v.record(randomTree(v, random)) + tree.treeDepth, 3 + random.below(9)),
  ),
  'the map': quiet((v, random) => {
    const at = v.tree(randomTree(v, random)) + HEADER_MAP_AT;
    flip(v, at, 0x40);
    flip(v, at + random.below(2), 1 << random.below(8));
  }),
  'the map zeroed': quiet((v, random) => {
    const at = v.tree(randomTree(v, random)) + HEADER_MAP_AT;
    v.bytes.fill(0, at, at + 64);
  }),
  'the kind of a leaf': quiet((v, random) => nodeField(random, v, node.kind, random.pick([0, 1, 2, 9]), 1)),
  'the height of a leaf': quiet((v, random) => nodeField(random, v, node.height, 2 + random.below(200), 1)),
  'the next leaf': quiet((v, random) => nodeField(random, v, node.fLink, 1000 + random.below(999), 4)),
  'the leaf before': quiet((v, random) => nodeField(random, v, node.bLink, 1000 + random.below(999), 4)),
  'the descriptor of a leaf': quiet((v, random) => v.bytes.set(random.bytes(14), randomLeaf(v, random).at)),
  'the number of records of a leaf': quiet((v, random) =>
    nodeField(random, v, node.numRecords, 500 + random.below(60_000), 2),
  ),
  'fewer records in a leaf': (v, random) => {
    const leaves = TREES.flatMap((name) =>
      v.header(header[`${name}File`] + FORK.blocks) > 0 ? leafNodes(v, name).map((each) => v.node(name, each)) : [],
    );
    const at = random.pick(leaves.filter((leaf) => v.view.getUint16(leaf + node.numRecords) > 2));
    v.view.setUint16(at + node.numRecords, v.view.getUint16(at + node.numRecords) - 1 - random.below(2));
    return [];
  },
  'the table of offsets of a leaf': quiet((v, random) => {
    const { at, size } = randomLeaf(v, random);
    const count = v.view.getUint16(at + node.numRecords);
    for (let i = 0; i <= count; i += 1) v.view.setUint16(at + size - 2 * (i + 1), random.below(65_536));
  }),
  'one offset of a leaf': quiet((v, random) => {
    const { at, size } = randomLeaf(v, random);
    const record = random.below(v.view.getUint16(at + node.numRecords));
    v.view.setUint16(at + size - 2 * (record + 1), random.below(size));
  }),
  'an index node zeroed': onRoot((v, at, size) => v.bytes.fill(0, at, at + size)),
  'an index node of noise': onRoot((v, at, size, random) => v.bytes.set(random.bytes(size), at)),
  'a key of an index': onRoot((v, at, size) => {
    const end = at + v.view.getUint16(at + size - 4);
    v.view.setUint16(end - 6, v.view.getUint16(end - 6) ^ 0x1f);
  }),
  'a child of an index': onRoot((v, at, size, random) => {
    const end = at + v.view.getUint16(at + size - 4);
    v.view.setUint32(end - 4, random.below(5000));
  }),
  'two records exchanged': quiet((v, random) => {
    const name = random.pick(
      (['catalog', 'attributes'] as const).filter((each) => v.header(header[`${each}File`] + FORK.blocks) > 0),
    );
    v.edit(name, random.pick(leafNodes(v, name)), (list) => {
      const at = random.below(list.length - 1);
      return list.map((record, i) => (i === at ? list[at + 1] : i === at + 1 ? list[at] : record) ?? record);
    });
  }),
  'an unused node that is not zero': quiet((v, random) => {
    const total = v.view.getUint32(v.record('catalog') + tree.totalNodes);
    v.bytes.set(random.bytes(60), v.node('catalog', total - 1) + 4);
    v.bytes[v.node('catalog', total - 1) + node.kind] = NODE_KIND.map;
  }),
};

const ITEMS: Readonly<Record<string, SeededDamage>> = {
  'the type of a record': on(isPlainFile, (v, place, random) => v.view.setUint16(place.data, 5 + random.below(999))),
  'the id of a file': on(isPlainFile, (v, place, random) =>
    v.view.setUint32(place.data + file.fileID, 90_000 + random.below(99)),
  ),
  'the id of a folder': on(isFolder, (v, place, random) =>
    v.view.setUint32(place.data + folder.folderID, 90_000 + random.below(99)),
  ),
  'an id below 16': on(isPlainFile, (v, place, random) => v.view.setUint32(place.data + file.fileID, random.below(16))),
  'an id that another file has': on(isPlainFile, (v, place) => {
    const other = [...v.leaves('catalog')].find((each) => each.key !== place.key && isPlainFile(v, each));
    if (other) v.view.setUint32(place.data + file.fileID, v.view.getUint32(other.data + file.fileID));
  }),
  'the parent in a thread': on(isThread, (v, place, random) =>
    v.view.setUint32(place.data + 4, 70_000 + random.below(99)),
  ),
  'the type of a thread': on(isThread, (v, place) => v.view.setUint16(place.data, 7 - v.view.getUint16(place.data))),
  'the name in a thread': on(isThread, (v, place) => v.view.setUint16(place.data + 10, 0x5a)),
  'no thread': on(isThread, (v, place) =>
    v.edit('catalog', place.node, (list) => list.filter((_, i) => i !== place.record)),
  ),
  'the length of a key': on(isPlainFile, (v, place, random) => v.view.setUint16(place.key, 2 * random.below(20_000))),
  'the name in a key': on(isPlainFile, (v, place, random) => {
    const unit = place.key + 8 + 2 * random.below(v.view.getUint16(place.key + 6));
    v.view.setUint16(unit, random.pick([0x21, 0x7e, 0x3042]));
  }),
  'the folder in a key': on(isPlainFile, (v, place, random) => v.view.setUint32(place.key + 2, random.below(40_000))),
  valence: on(isFolder, (v, place, random) => v.view.setUint32(place.data + folder.valence, 500 + random.below(999))),
  'flags of a folder': on(isFolder, (v, place) => flip(v, place.data + folder.flags + 1, 3)),
  'flags of a file': on(isPlainFile, (v, place) => flip(v, place.data + file.flags + 1, 0x22)),
  'the flag of attributes': on(isPlainFile, (v, place) => flip(v, place.data + file.flags + 1, 4)),
  'the kind in a mode': on(isPlainFile, (v, place) => v.view.setUint16(place.data + BSD.mode, 0x31a4)),
  'a reserved field': on(isPlainFile, (v, place, random) =>
    v.view.setUint32(place.data + file.reserved2, 1 + random.below(99)),
  ),
};

const FORKS: Readonly<Record<string, SeededDamage>> = {
  'the blocks of a file': on(hasBlocks, (v, place, random) => {
    const at = place.data + file.dataFork + FORK.blocks;
    v.view.setUint32(at, v.view.getUint32(at) + 1 + random.below(9));
  }),
  'fewer blocks of a file': on(
    (v, place) => hasBlocks(v, place) && v.view.getUint32(place.data + file.dataFork + FORK.blocks) > 1,
    (v, place) => v.view.setUint32(place.data + file.dataFork + FORK.blocks, 1),
  ),
  'a size beyond the blocks': on(hasBlocks, (v, place, random) =>
    v.view.setUint32(place.data + file.dataFork + FORK.size, 0x4000_0000 + random.below(999)),
  ),
  'two files with one extent': on(hasBlocks, (v, place) => {
    const other = [...v.leaves('catalog')].find((each) => each.key !== place.key && hasBlocks(v, each));
    const from = (other?.data ?? place.data) + file.dataFork + FORK.extents;
    v.bytes.copyWithin(place.data + file.dataFork + FORK.extents, from, from + 4);
  }),
  'overflow of no file': (v, random) => {
    if (usedLeaves(v, 'extents') === 0) return null;
    const nodes = leafNodes(v, 'extents');
    const record = pack(
      [10, 2],
      [0, 1],
      [0, 1],
      80_000 + random.below(99),
      8,
      v.header(header.totalBlocks) - 9,
      2,
      new Uint8Array(56),
    );
    v.edit('extents', nodes.at(-1) as number, (list) => [...list, record]);
    return [];
  },
};

function hasBlocks(v: Sample, place: Place): boolean {
  return isPlainFile(v, place) && v.view.getUint32(place.data + file.dataFork + ForkData.at.totalBlocks) > 0;
}

const onInode =
  (damage: (v: Sample, place: Place, random: Random) => void): SeededDamage =>
  (v, random) => {
    const inodes = [...v.leaves('catalog')].filter(
      (place) => /^iNode\d/.test(nameOf(v, place)) && isType(v, place, RECORD_TYPE.file),
    );
    if (inodes.length === 0) return null;
    damage(v, random.pick(inodes), random);
    return [];
  };

const LINKS: Readonly<Record<string, SeededDamage>> = {
  'the link before': on(isLink, (v, place, random) => v.view.setUint32(place.data + BSD.ownerID, random.below(500))),
  'the next link': on(isLink, (v, place, random) => v.view.setUint32(place.data + BSD.groupID, random.below(500))),
  'what a link leads to': on(isLink, (v, place, random) =>
    v.view.setUint32(place.data + BSD.special, 60_000 + random.below(99)),
  ),
  'the date of a link': on(isLink, (v, place, random) => v.view.setUint32(place.data + file.createDate, random.next())),
  'the flag of a link': on(isLink, (v, place) => flip(v, place.data + file.flags + 1, 0x20)),
  'the first link': onInode((v, place, random) => v.view.setUint32(place.data + file.reserved1, random.below(500))),
  'the number of links': onInode((v, place, random) =>
    v.view.setUint32(place.data + BSD.special, 5 + random.below(500)),
  ),
};

function onAttribute(damage: (v: Sample, place: Place, random: Random) => void): SeededDamage {
  return (v, random) => {
    if (v.header(header.attributesFile + FORK.blocks) === 0 || usedLeaves(v, 'attributes') === 0) return null;
    damage(v, random.pick([...v.leaves('attributes')]), random);
    return [];
  };
}

const ATTRIBUTES: Readonly<Record<string, SeededDamage>> = {
  'the type of an attribute': onAttribute((v, place, random) => v.view.setUint32(place.data, 0x40 + random.below(999))),
  'the key length of an attribute': onAttribute((v, place, random) =>
    v.view.setUint16(place.key, 2 * random.below(9999)),
  ),
  'the start of an attribute': onAttribute((v, place, random) => v.view.setUint32(place.key + 8, 1 + random.below(9))),
  'an attribute of no file': onAttribute((v, place, random) => {
    const nodes = leafNodes(v, 'attributes');
    const record = v.bytes.slice(place.key, place.end);
    if (new DataView(record.buffer).getUint32(2 + v.view.getUint16(place.key)) !== 0x10) return;
    new DataView(record.buffer).setUint32(4, 80_000 + random.below(99));
    v.edit('attributes', nodes.at(-1) as number, (list) => [...list, record]);
  }),
};

export const seededDamages: readonly (readonly [string, SeededDamage])[] = [
  VOLUME,
  SHAPE,
  ITEMS,
  FORKS,
  LINKS,
  ATTRIBUTES,
].flatMap((group) => Object.entries(group));
