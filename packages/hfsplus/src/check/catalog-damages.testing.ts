// One damage for each rule, with the kinds that the check must name: catalog.test.ts tries them, and so do the tests of repair.

import { CatalogFile, CatalogFolder } from '../structs/catalog.js';
import { BSD, change, type Damage, field, insertAfter, recordOf, remove, rename, swap } from './damage.testing.js';
import { pack } from './sample.testing.js';

const { at: file } = CatalogFile;
const { at: folder } = CatalogFolder;

export const catalogDamages: readonly Damage[] = [
  // catalog records
  {
    what: 'an unknown record type',
    kinds: ['catalog-record-type'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 'hello.txt', 0), 9),
  },
  {
    what: 'a folder record that is too short',
    kinds: ['catalog-record-length'],
    fsck: 'refuses',
    damage: (v) => change(v, 'second', (record) => record.slice(0, -2)),
  },
  {
    what: 'a file record that is too long',
    kinds: ['catalog-record-length'],
    fsck: 'refuses',
    damage: (v) => change(v, 'hello.txt', (record) => pack(record, [0, 2])),
  },
  {
    what: 'a thread that is too long',
    kinds: ['catalog-record-length'],
    fsck: 'accepts',
    damage: (v) => change(v, 20, (record) => pack(record, [0, 2])),
  },
  {
    what: 'a thread of 520 bytes',
    kinds: ['catalog-thread-bloated'],
    fsck: 'accepts',
    damage: (v) => change(v, 20, (record) => pack(record, new Uint8Array(528 - record.length))),
  },
  {
    what: 'an id below 16',
    kinds: ['catalog-id'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'hello.txt', file.fileID), 15),
  },
  {
    what: 'an id used twice',
    kinds: ['catalog-duplicate-id', 'catalog-thread-orphan'],
    fsck: 'accepts',
    damage: (v) => v.view.setUint32(field(v, 'hello.txt', file.fileID), 22),
  },
  {
    what: 'a thread that names another parent',
    kinds: ['catalog-thread-mismatch'],
    damage: (v) => v.view.setUint32(field(v, 20, 4), 21),
  },
  {
    what: 'a thread that has another name',
    kinds: ['catalog-thread-mismatch'],
    fsck: 'accepts',
    damage: (v) => v.view.setUint16(field(v, 20, 10), 0x48),
  },
  {
    what: 'a folder with a thread of a file',
    kinds: ['catalog-thread-mismatch'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 23, 0), 4),
  },
  {
    what: 'no thread',
    kinds: ['catalog-thread-missing'],
    fsck: 'refuses',
    damage: (v) => remove(v, 20),
  },
  {
    what: 'a thread without a record',
    kinds: ['catalog-thread-orphan', 'catalog-valence', 'volume-file-count'],
    fsck: 'refuses',
    damage: (v) => remove(v, 'Fun 🌈 today'),
  },
  {
    what: 'a thread with an empty name',
    kinds: ['catalog-thread-key'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 20, 8), 0),
  },
  {
    what: 'a file without the thread flag',
    kinds: ['catalog-thread-flag'],
    fsck: 'accepts',
    damage: (v) => v.view.setUint16(field(v, 'hello.txt', file.flags), 0x80),
  },
  {
    what: 'reserved2',
    kinds: ['catalog-reserved'],
    damage: (v) => v.view.setUint32(field(v, 'hello.txt', file.reserved2), 1),
  },
  {
    what: 'a name of two dots',
    kinds: ['catalog-name'],
    fsck: 'refuses',
    damage: (v) => rename(v, '.fseventsd', 18, '..'),
  },
  {
    what: 'a name that is not decomposed',
    kinds: ['catalog-name-form'],
    fsck: 'accepts',
    damage: (v) => rename(v, '.fseventsd', 18, '.f\u00e9'),
  },
  {
    what: 'marks in another order',
    kinds: ['catalog-name-form'],
    fsck: 'refuses',
    damage: (v) => rename(v, '.fseventsd', 18, '.e\u0301\u0327'),
  },
  {
    what: 'flags that are not for folders',
    kinds: ['catalog-folder-flags'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 'second', folder.flags), 0x82),
  },
  {
    what: 'valence',
    kinds: ['catalog-valence'],
    fsck: 'refuses',
    damage: (v) => v.addTo(field(v, 'files', folder.valence), 1),
  },
  {
    what: 'folderCount where it is valid',
    kinds: ['catalog-folder-count'],
    damage: (v) => v.addTo(field(v, '.HFS+ Private Directory Data\r', folder.folderCount), 1),
  },
  {
    what: 'a parent that is a file',
    of: 'basic',
    kinds: ['catalog-parent', 'catalog-valence'],
    fsck: 'refuses',
    damage: (v) => {
      const place = v.find('deep.txt');
      v.view.setUint32(place.key + 2, 21);
      v.edit('catalog', place.node, (list) => swap(list, place.record));
      v.view.setUint32(field(v, 21, 4), 21);
    },
  },
  {
    what: 'a folder in itself',
    of: 'basic',
    kinds: ['catalog-loop', 'catalog-valence'],
    fsck: 'refuses',
    damage: (v) => {
      const place = v.find('nested');
      v.view.setUint32(place.key + 2, 20);
      v.edit('catalog', place.node, (list) => swap(swap(list, place.record), place.record + 1));
      v.view.setUint32(field(v, 20, 4), 20);
    },
  },
  {
    what: 'a second record in folder 1',
    kinds: ['catalog-root'],
    fsck: 'refuses',
    damage: (v) => {
      const copy = recordOf(v, 'second');
      insertAfter(v, 'Small', pack([12, 2], 1, [3, 2], 'Two', copy.slice(2 + 18)));
    },
  },
  {
    what: 'a mode of no type of file',
    kinds: ['catalog-mode'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 'hello.txt', BSD.mode), 0o50644),
  },
  {
    what: 'a folder with the mode of a file',
    kinds: ['catalog-mode'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 'second', BSD.mode), 0o100755),
  },
  {
    what: 'a symlink of another type',
    kinds: ['catalog-symlink'],
    fsck: 'accepts',
    damage: (v) => v.view.setUint32(field(v, 'third', file.userInfo), 0),
  },
  {
    what: 'a fifo with data',
    kinds: ['catalog-special-file'],
    damage: (v) => v.view.setUint16(field(v, 'hello.txt', BSD.mode), 0o10644),
  },
  {
    what: 'a plain file with two links',
    kinds: ['catalog-link-count'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint32(field(v, 'hello.txt', BSD.special), 2),
  },
  {
    what: 'a plain file with the link flag',
    kinds: ['catalog-link-flag'],
    fsck: 'refuses',
    damage: (v) => v.view.setUint16(field(v, 'hello.txt', file.flags), 0xa2),
  },
];
