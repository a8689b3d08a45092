// The catalog's tables judged: threads, parents, loops, counts (hfsplus.md 11.3).

import { CNID } from '../structs/volume-header.js';
import type { Report } from './report.js';
import { type CatalogTables, FOLDER, type FolderTable, SEEN } from './tables.js';

/** `complete`: the whole tree was read, so what is not in the tables is not on the volume. */
export function checkHierarchy(tables: CatalogTables, complete: boolean, report: Report): void {
  checkIds(tables, complete, report);
  if (!complete) return;
  checkFolders(tables, report);
  checkLoops(tables.folders, report);
}

function checkIds(tables: CatalogTables, complete: boolean, report: Report): void {
  for (let row = 0; row < tables.ids.count; row += 1) {
    const seen = tables.seen.get(row);
    const pair = seen & (SEEN.record | SEEN.thread);
    const same = ((seen & SEEN.folder) !== 0) === ((seen & SEEN.folderThread) !== 0);
    const sound = pair === (SEEN.record | SEEN.thread) && same && tables.fingerprint.get(row) === 0;
    if (sound && (seen & SEEN.duplicate) === 0) continue;
    const id = tables.ids.ids.get(row);
    const place = `catalog id ${id}`;
    if ((seen & SEEN.duplicate) !== 0) report.add('catalog-duplicate-id', place, 'two records have this id');
    else if (pair === (SEEN.record | SEEN.thread))
      report.add('catalog-thread-mismatch', place, 'the thread names another parent, name or kind than the record has');
    else if (!complete || pair === 0) continue;
    else if (pair === SEEN.record) report.add('catalog-thread-missing', place, 'the record has no thread');
    else report.add('catalog-thread-orphan', place, 'there is a thread, but no record');
  }
}

function checkFolders(tables: CatalogTables, report: Report): void {
  const { folders } = tables;
  for (let row = 0; row < folders.ids.count; row += 1) {
    const id = folders.ids.ids.get(row);
    const place = `catalog folder ${id}`;
    const state = folders.state.get(row);
    const children = folders.children.get(row);
    if ((state & FOLDER.record) === 0) {
      const known = tables.ids.find(id);
      const file = known >= 0 && (tables.seen.get(known) & SEEN.record) !== 0;
      const what = file ? 'is a file' : 'does not exist';
      report.add('catalog-parent', place, `${children} records have this parent, which ${what}`);
      continue;
    }
    if (folders.valence.get(row) !== children)
      report.add(
        'catalog-valence',
        place,
        `valence is ${folders.valence.get(row)}, but there are ${children} children`,
      );
    const count = folders.folderCount.get(row);
    const real = folders.childFolders.get(row);
    if ((state & FOLDER.countValid) !== 0 && count !== real)
      report.add('catalog-folder-count', place, `folderCount is ${count}, but there are ${real} folders in it`);
  }
}

/** Every chain of parents must end at the root. What hangs below a missing parent has its finding already. */
function checkLoops(folders: FolderTable, report: Report): void {
  const path: number[] = [];
  for (let start = 0; start < folders.ids.count; start += 1) {
    path.length = 0;
    for (let row = start; row >= 0; row = folders.ids.find(folders.parent.get(row))) {
      const state = folders.state.get(row);
      if ((state & FOLDER.sound) !== 0 || (state & FOLDER.record) === 0) break;
      if ((state & FOLDER.onPath) !== 0) {
        const place = `catalog folder ${folders.ids.ids.get(row)}`;
        report.add('catalog-loop', place, 'the folder lies in itself, through its parents');
        break;
      }
      folders.state.add(row, FOLDER.onPath);
      path.push(row);
      if (folders.ids.ids.get(row) === CNID.rootFolder) break;
    }
    for (const row of path) folders.state.add(row, FOLDER.sound);
  }
}
