// One damage for each rule, with the kinds that the check must name: links.test.ts tries them, and so do the tests of repair.

import { CatalogFile, CatalogFolder } from '../structs/catalog.js';
import { addFile, BSD, type Damage, FORK, field, rename } from './damage.testing.js';
import { pack } from './sample.testing.js';

const { at: file } = CatalogFile;
const { at: folder } = CatalogFolder;
const PROVENANCE = 'com.apple.provenance';
const BIG = 'com.example.big';

export const linkDamages: readonly Damage[] = [
  // links
  {
    what: 'previous link',
    kinds: ['link-chain'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'link1', BSD.ownerID), 30),
  },
  {
    what: 'next link',
    kinds: ['link-chain'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'link2', BSD.groupID), 0),
  },
  {
    what: 'a chain that goes round',
    kinds: ['link-chain'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'link1', BSD.groupID), 30),
  },
  {
    what: 'first link',
    kinds: ['link-chain'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'iNode29', file.reserved1), 30),
  },
  {
    what: 'link count',
    kinds: ['link-count'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'iNode29', BSD.special), 3),
  },
  {
    what: 'a link without the chain flag',
    kinds: ['link-flag'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 'link1', file.flags), 2),
  },
  {
    what: 'a link to nothing',
    kinds: ['link-chain', 'link-count', 'link-target'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'link1', BSD.special), 77),
  },
  {
    what: 'an inode without links',
    kinds: ['link-inode-orphan', 'link-target'],
    fsck: 'refuses',
    damage: (v) => rename(v, 'iNode29', 29, 'iNode77'),
  },
  {
    what: 'the date of a link',
    kinds: ['link-date'],
    fsck: 'refuses',
    damage: (v) => v.addTo(field(v, 'link1', file.createDate), 1),
  },
  {
    what: 'a file that was deleted while open',
    kinds: ['link-temporary'],
    fsck: 'accepts',
    damage: (v) => addFile(v, 'iNode29', 16, 'temp60', 60),
  },
  {
    what: 'a link with data',
    kinds: ['link-data'],
    fsck: 'refuses',
    damage: (v) => {
      const at = field(v, 'link1', file.dataFork);
      v.bytes.set(pack(0, 5, 0, 1, 200, 1), at);
      v.mark(200, 1);
    },
  },
  // attributes
  {
    what: 'a flag without attributes',
    of: 'basic',
    kinds: ['attribute-flag'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 'dir1', folder.flags), 0x80),
  },
  {
    what: 'a flag without an access list',
    of: 'basic',
    kinds: ['attribute-security-flag'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 'dir1', folder.flags), 0x8c),
  },
  {
    what: 'attributes of no file',
    of: 'basic',
    kinds: ['attribute-owner'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(v.attribute(32, PROVENANCE).key + 4, 35),
  },
  {
    what: 'an unknown attribute type',
    of: 'basic',
    kinds: ['attribute-type'],
    damage: (v) => v.view.setUint32(v.attribute(31, PROVENANCE).data, 0x40),
  },
  {
    what: 'a value longer than its record',
    of: 'basic',
    kinds: ['attribute-length'],
    damage: (v) => v.view.setUint32(v.attribute(31, PROVENANCE).data + 12, 13),
  },
  {
    what: 'an inline value with a start block',
    of: 'basic',
    kinds: ['attribute-key'],
    damage: (v) => v.view.setUint32(v.attribute(31, PROVENANCE).key + 8, 1),
  },
  {
    what: 'the key length of an attribute',
    of: 'basic',
    kinds: ['tree-key'],
    fsck: 'refuses',
    damage: (v) => v.addTo(v.attribute(31, PROVENANCE).key - 2, 2),
  },
  {
    what: 'the blocks of a value',
    of: 'basic',
    kinds: ['fork-block-count'],
    fsck: 'refuses',
    damage: (v) => v.addTo(v.attribute(30, BIG).data + 8 + FORK.blocks, 1),
  },
  {
    what: 'the size of a value in blocks',
    of: 'basic',
    kinds: ['fork-size'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(v.attribute(30, BIG).data + 12, 8193),
  },
  {
    what: 'the extents of a value',
    of: 'basic',
    kinds: ['extent-invalid'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(v.attribute(30, BIG).data + 24, 4085),
  },
  {
    what: 'the magic of a compression header',
    of: 'basic',
    kinds: ['attribute-compression'],
    damage: (v) => v.view.setUint8(v.attribute(32, 'com.apple.decmpfs').data + 16, 0),
  },
  {
    what: 'a compressed file without the attribute',
    of: 'basic',
    kinds: ['attribute-compression'],
    damage: (v) => v.view.setUint8(field(v, 'random.bin', BSD.ownerFlags), 0x20),
  },
];
