// One damage for each rule, with the kinds that the check must name: volume.test.ts tries them, and so do the tests of repair.

import { CatalogFile } from '../structs/catalog.js';
import { VolumeHeader } from '../structs/volume-header.js';
import { type Damage, FORK, field, rename } from './damage.testing.js';

const { at: header } = VolumeHeader;
const { at: file } = CatalogFile;
/** Byte of the journal in the journaled sample. */
const JOURNAL_AT = 12_288;

export const volumeDamages: readonly Damage[] = [
  // volume header
  {
    what: 'header zeroed',
    kinds: ['volume-header'],
    fsck: 'refuses',
    damage: (v) => v.bytes.fill(0, 1024, 1536),
  },
  {
    what: 'alternate header zeroed',
    kinds: ['volume-alternate'],
    fsck: 'refuses',
    damage: (v) => v.bytes.fill(0, v.bytes.length - 1024, v.bytes.length - 512),
  },
  {
    what: 'both headers zeroed',
    kinds: ['volume-missing'],
    fsck: 'refuses',
    damage: (v) => {
      v.bytes.fill(0, 1024, 1536);
      v.bytes.fill(0, v.bytes.length - 1024, v.bytes.length - 512);
    },
  },
  {
    what: 'fork in the alternate differs',
    kinds: ['volume-alternate-forks'],
    damage: (v) => v.addTo(v.bytes.length - 1024 + header.extentsFile + FORK.clump, 4096),
  },
  {
    what: 'totalBlocks one too large',
    kinds: ['volume-alternate-forks', 'volume-total-blocks'],
    fsck: 'refuses',
    damage: (v) => v.addTo(1024 + header.totalBlocks, 1),
  },
  {
    what: 'freeBlocks wrong',
    kinds: ['volume-free-blocks'],
    fsck: 'refuses',
    damage: (v) => v.addTo(1024 + header.freeBlocks, 1),
  },
  {
    what: 'fileCount wrong',
    kinds: ['volume-file-count'],
    fsck: 'refuses',
    damage: (v) => v.addTo(1024 + header.fileCount, 1),
  },
  {
    what: 'folderCount wrong',
    kinds: ['volume-folder-count'],
    fsck: 'refuses',
    damage: (v) => v.addTo(1024 + header.folderCount, -1),
  },
  {
    what: 'nextCatalogID in use',
    kinds: ['volume-next-id'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(1024 + header.nextCatalogID, 42),
  },
  {
    what: 'nextCatalogID in use, but ids may be reused',
    kinds: [],
    damage: (v) => {
      v.view.setUint32(1024 + header.nextCatalogID, 42);
      v.addTo(1024 + header.attributes, 0x1000);
    },
  },
  {
    what: 'nextAllocation past the end',
    kinds: ['volume-next-allocation'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(1024 + header.nextAllocation, 5000),
  },
  {
    what: 'clump sizes',
    kinds: ['volume-clump-size'],
    fsck: 'refuses',
    damage: (v) => v.putHeader(header.dataClumpSize, 100),
  },
  {
    what: 'clump size of a tree',
    kinds: ['volume-clump-size'],
    fsck: 'refuses',
    damage: (v) => v.putHeader(header.catalogFile + FORK.clump, 0x2000_0000),
  },
  {
    what: 'an encoding that is not in the bitmap',
    kinds: ['volume-encodings'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'hello.txt', file.textEncoding), 7),
  },
  {
    what: 'spared blocks without bad blocks',
    kinds: ['volume-spared-blocks'],
    damage: (v) => v.addTo(1024 + header.attributes, 0x200),
  },
  {
    what: 'not unmounted',
    kinds: ['volume-unmounted'],
    fsck: 'accepts',
    damage: (v) => v.addTo(1024 + header.attributes, -0x100),
  },
  {
    what: 'marked as inconsistent',
    kinds: ['volume-inconsistent'],
    fsck: 'accepts',
    damage: (v) => v.addTo(1024 + header.attributes, 0x4000),
  },
  // bitmap
  {
    what: 'a used block marked free',
    kinds: ['bitmap-under-allocation', 'volume-free-blocks'],
    fsck: 'refuses',
    damage: (v) => {
      v.mark(115, 1, false);
      v.addTo(1024 + header.freeBlocks, -1);
    },
  },
  {
    what: 'a used block marked free, and counted so',
    kinds: ['bitmap-under-allocation'],
    fsck: 'refuses',
    damage: (v) => v.mark(115, 1, false),
  },
  {
    what: 'a free block marked used',
    kinds: ['bitmap-orphaned-blocks'],
    fsck: 'refuses',
    damage: (v) => v.mark(200, 3),
  },
  {
    what: 'bits behind the last block',
    of: 'old',
    kinds: ['bitmap-tail'],
    damage: (v) => {
      const bitmap = v.header(header.allocationFile + FORK.extents) * v.blockSize;
      v.bytes[bitmap + 120] = 1;
    },
  },
  {
    what: 'a bitmap that is too short',
    kinds: ['bitmap-size'],
    damage: (v) => {
      v.putHeader(header.allocationFile + FORK.blocks, 0);
      v.putHeader(header.allocationFile + FORK.size, 0);
      v.putHeader(header.allocationFile + FORK.extents, 0);
      v.putHeader(header.allocationFile + FORK.extents + 4, 0);
    },
  },
  // forks
  {
    what: 'an extent that touches the last block',
    kinds: ['extent-invalid'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'hello.txt', file.dataFork + FORK.extents), 255),
  },
  {
    what: 'an extent behind an empty one',
    kinds: ['extent-invalid'],
    fsck: 'refuses',
    damage: (v) => {
      const at = field(v, 'hello.txt', file.dataFork + FORK.extents);
      v.bytes.copyWithin(at + 16, at, at + 8);
      v.bytes.fill(0, at, at + 8);
    },
  },
  {
    what: 'totalBlocks of a fork',
    kinds: ['fork-block-count'],
    fsck: 'refuses',
    damage: (v) => v.addTo(field(v, 'hello.txt', file.dataFork + FORK.blocks), 1),
  },
  {
    what: 'a size larger than the extents',
    kinds: ['fork-size'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'hello.txt', file.dataFork + FORK.size), 4097),
  },
  {
    what: 'a size of nearly 2^64',
    kinds: ['fork-size'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'hello.txt', file.dataFork), 0xffff_ffff),
  },
  {
    what: 'two files that share a block',
    kinds: ['bitmap-orphaned-blocks', 'extent-overlap'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'hello.txt', file.dataFork + FORK.extents), 116),
  },
  // journal
  {
    what: 'a failed replay',
    of: 'journaled',
    kinds: ['journal-failed'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(1024 + header.lastMountedVersion, 0x4653_4b21),
  },
  {
    what: 'no journal info block',
    of: 'journaled',
    kinds: ['journal-info-block'],
    fsck: 'accepts',
    damage: (v) => v.putHeader(header.journalInfoBlock, 0),
  },
  {
    what: 'a journal outside the volume',
    of: 'journaled',
    kinds: ['journal-info-block'],
    damage: (v) => v.view.setUint32(2 * 4096 + 36, 1),
  },
  {
    what: 'the checksum of the journal header',
    of: 'journaled',
    kinds: ['journal-header'],
    damage: (v) => v.addTo(JOURNAL_AT + 8, 1),
  },
  {
    what: 'another journal file',
    of: 'journaled',
    kinds: ['journal-location'],
    damage: (v) => rename(v, '.journal', 16, '.journaL'),
  },
];
