// Items and their threads: lost types and ids from the other one of the pair, folders that are gone from their threads,
// what hangs nowhere to lost+found; in the end each item has its one thread.

import { nameProblem } from '../check/names.js';
import { key } from '../records/catalog-records.js';
import { CatalogFile, CatalogFolder, CatalogThread, RECORD_TYPE } from '../structs/catalog.js';
import { CNID, ForkData } from '../structs/volume-header.js';
import { bytesOf, idOf, itemKind, type LeafRecord, nameAt, parentOf, threadKind, typeOf } from './leaf-record.js';
import { nameOf, type RepairCatalog, shown } from './repair-catalog.js';

export function mendItems(catalog: RepairCatalog): void {
  mendTypes(catalog);
  mendLengths(catalog);
  mendKeys(catalog);
  mendIds(catalog);
  mendRoot(catalog);
  mendParents(catalog);
  mendLoops(catalog);
  mendNames(catalog);
  mendThreads(catalog);
}

/** A record with a name is a file or folder, and its length tells which. */
function mendTypes(catalog: RepairCatalog): void {
  for (const record of [...catalog.odd]) {
    const { view, data, end } = record;
    const length = end - data;
    const isItem = nameOf(record) !== '' && (length === CatalogFolder.size || length === CatalogFile.size);
    if (!isItem || threadKind(record)) {
      mendOddThread(catalog, record);
      continue;
    }
    catalog.odd.splice(catalog.odd.indexOf(record), 1);
    view.setUint16(data, length === CatalogFolder.size ? RECORD_TYPE.folder : RECORD_TYPE.file);
    catalog.acts.note('restored the type of records that their length tells', shown(record));
    if (catalog.items.has(idOf(record))) catalog.doubles.push(record);
    else catalog.items.set(idOf(record), record);
  }
}

/** What stands behind a whole record is dropped; one that was cut off cannot be mended. */
function mendLengths(catalog: RepairCatalog): void {
  const sizes: Readonly<Record<number, number>> = {
    [RECORD_TYPE.folder]: CatalogFolder.size,
    [RECORD_TYPE.file]: CatalogFile.size,
  };
  for (const record of [...catalog.odd]) {
    const size = sizes[typeOf(record)];
    const length = record.end - record.data;
    if (size === undefined || length <= size || nameOf(record) === '' || !catalog.tree.has(record)) continue;
    catalog.tree.remove(record);
    const mended = catalog.tree.add(bytesOf(record).slice(0, record.data - record.key + size));
    catalog.acts.note('cut records to their length', shown(mended));
    if (catalog.items.has(idOf(mended))) catalog.doubles.push(mended);
    else catalog.items.set(idOf(mended), mended);
  }
}

/** A key that is out of place, where that of the thread would be in place: the thread has what the key was. */
function mendKeys(catalog: RepairCatalog): void {
  const { compare } = catalog.tree.keys;
  for (const [record, { before, after }] of catalog.tree.misplaced) {
    const id = itemKind(record) ? idOf(record) : 0;
    const to = catalog.target(id);
    if (!to || catalog.items.get(id) !== record || to.kind !== itemKind(record) || isAt(record, to)) continue;
    const wanted = key(to.parent, to.name);
    const fits = compare(before.view, before.key, wanted, 0) < 0 && compare(wanted, 0, after.view, after.key) < 0;
    if (!fits || catalog.find(to.parent, to.name)) continue;
    catalog.move(record, to.parent, to.name);
    catalog.acts.note('gave items back the name that their thread has', JSON.stringify(to.name));
  }
}

/** What threads say can be made from items again: one that cannot be read is only in the way. */
function mendOddThread(catalog: RepairCatalog, record: LeafRecord): void {
  if (nameOf(record) !== '' && !threadKind(record)) return;
  catalog.tree.remove(record);
  catalog.acts.note('removed thread records that cannot be', shown(record));
}

const targetKey = (kind: string, parent: number, name: string) => `${kind} ${parent} ${name}`;

/** Ids that cannot be, that two items have, or that are not those of the thread that names the item. */
function mendIds(catalog: RepairCatalog): void {
  const threadOf = new Map<string, number>();
  for (const id of catalog.threads.keys()) {
    const to = catalog.target(id);
    if (to && !leadsTo(catalog, id)) threadOf.set(targetKey(to.kind, to.parent, to.name), id);
  }
  // Of two items with one id, the one that the thread leads to keeps it.
  for (const [i, record] of catalog.doubles.entries()) {
    const other = catalog.items.get(idOf(record));
    const to = catalog.target(idOf(record));
    if (!other || !to || !isAt(record, to) || isAt(other, to)) continue;
    catalog.items.set(idOf(record), record);
    catalog.doubles[i] = other;
  }
  const parents = parentsOf(catalog);
  for (const record of [...catalog.doubles, ...catalog.items.values()]) {
    if (idOf(record) === CNID.rootFolder && parentOf(record) === CNID.rootParent) continue;
    if (catalog.items.get(idOf(record)) === record && leadsTo(catalog, idOf(record))) continue;
    mendId(catalog, record, threadOf, parents);
  }
}

function mendId(
  catalog: RepairCatalog,
  record: LeafRecord,
  threadOf: ReadonlyMap<string, number>,
  parents: ReadonlySet<number>,
): void {
  const id = idOf(record);
  const wanted = threadOf.get(targetKey(itemKind(record) ?? '', parentOf(record), nameOf(record)));
  const isTaken = catalog.items.get(id) !== record;
  const isBad = id < CNID.firstUser || isTaken;
  const isHome = itemKind(record) === 'folder' && parents.has(id) && wanted !== undefined && !parents.has(wanted);
  if (wanted !== undefined && !catalog.items.has(wanted) && (isBad || !isHome)) {
    catalog.renumber(record, wanted);
    catalog.acts.note('gave items back the id that their thread has', shown(record));
  } else if (isBad && !needsOverflow(record)) {
    catalog.renumber(record, catalog.newId());
    catalog.acts.note('gave a new id to items whose id cannot be or is in use', shown(record));
  }
}

/** Extents beyond the first eight are found by the id that is in doubt. */
function needsOverflow(record: LeafRecord): boolean {
  if (itemKind(record) !== 'file') return false;
  return [CatalogFile.at.dataFork, CatalogFile.at.resourceFork].some((fork) => {
    const at = record.data + fork;
    let sum = 0;
    for (let i = 0; i < 8; i += 1) sum += record.view.getUint32(at + ForkData.at.extents + 8 * i + 4);
    return record.view.getUint32(at + ForkData.at.totalBlocks) > sum;
  });
}

function isAt(record: LeafRecord, to: { kind: string; parent: number; name: string }): boolean {
  return itemKind(record) === to.kind && parentOf(record) === to.parent && nameOf(record) === to.name;
}

/** The thread of this id leads to the item that has it. */
function leadsTo(catalog: RepairCatalog, id: number): boolean {
  const record = catalog.items.get(id);
  const to = catalog.target(id);
  return record !== undefined && to !== null && isAt(record, to);
}

function parentsOf(catalog: RepairCatalog): Set<number> {
  const parents = new Set<number>();
  for (const record of catalog.items.values()) parents.add(parentOf(record));
  for (const record of catalog.doubles) parents.add(parentOf(record));
  return parents;
}

function mendRoot(catalog: RepairCatalog): void {
  const to = catalog.target(CNID.rootFolder);
  if (!catalog.items.has(CNID.rootFolder) && to) {
    catalog.addFolder(CNID.rootFolder, CNID.rootParent, to.name, 0o40755);
    catalog.acts.note('made the root folder anew from its thread', JSON.stringify(to.name));
  }
  for (const [id, record] of [...catalog.items])
    if (parentOf(record) === CNID.rootParent && id !== CNID.rootFolder)
      catalog.rescue(record, 'items beside the root folder');
}

/** Every parent must be a folder: one that is gone comes back from its thread, or as a folder in lost+found. */
function mendParents(catalog: RepairCatalog): void {
  if (!catalog.items.has(CNID.rootFolder) || !catalog.isComplete) return;
  const waiting = [...parentsOf(catalog)];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const parent = catalog.items.get(id);
    if (id === CNID.rootParent || (parent && itemKind(parent) === 'folder')) continue;
    if (parent || id < CNID.firstUser) {
      for (const record of [...catalog.items.values()])
        if (parentOf(record) === id) catalog.rescue(record, 'items whose folder is none');
      continue;
    }
    const to = catalog.target(id);
    if (to?.kind === 'folder' && to.parent >= CNID.rootFolder && !catalog.find(to.parent, to.name)) {
      catalog.addFolder(id, to.parent, to.name, 0o40755);
      catalog.acts.note('made folders anew from their threads, with new dates and rights', JSON.stringify(to.name));
      waiting.push(to.parent);
    } else {
      const folder = catalog.lostFound();
      catalog.addFolder(id, folder, catalog.freeName(folder, `folder ${id}`, id), 0o40755);
      catalog.acts.note('put what lay in folders that are gone into new ones in lost+found', `folder ${id}`);
    }
  }
}

/** A folder that lies in itself is taken out at one place. */
function mendLoops(catalog: RepairCatalog): void {
  const sound = new Set<number>([CNID.rootFolder]);
  for (const start of [...catalog.items.keys()]) {
    const path: number[] = [];
    const onPath = new Set<number>();
    let id = start;
    while (!sound.has(id) && !onPath.has(id)) {
      const record = catalog.items.get(id);
      if (!record || (id !== start && itemKind(record) !== 'folder')) break;
      onPath.add(id);
      path.push(id);
      id = parentOf(record);
    }
    if (onPath.has(id)) {
      const lowest = Math.min(...path.slice(path.indexOf(id)));
      const record = catalog.items.get(lowest);
      if (record) catalog.rescue(record, 'folders that lay in themselves');
    }
    for (const each of path) sound.add(each);
  }
}

/** Names that cannot be, and such as two items of a folder have. */
function mendNames(catalog: RepairCatalog): void {
  for (const [id, record] of [...catalog.items]) {
    const problem = nameProblem(record.view, nameAt(record));
    if (problem === '') continue;
    catalog.move(record, parentOf(record), catalog.freeName(parentOf(record), `item ${id}`, id));
    catalog.acts.note('gave another name to items whose name cannot be', `item ${id}`);
  }
  const { keys } = catalog.tree;
  let before: LeafRecord | null = null;
  for (const record of catalog.tree.sorted()) {
    const isSame = before && keys.compare(before.view, before.key, record.view, record.key) === 0;
    if (!isSame || !before) {
      before = record;
      continue;
    }
    mendDouble(catalog, before, record);
  }
}

function mendDouble(catalog: RepairCatalog, first: LeafRecord, second: LeafRecord): void {
  if (!itemKind(first) || !itemKind(second)) return;
  if (idOf(first) === idOf(second)) {
    catalog.remove(second);
    if (!catalog.items.has(idOf(first))) catalog.items.set(idOf(first), first);
    catalog.acts.note('removed second records of one item', shown(second));
    return;
  }
  const name = catalog.freeName(parentOf(second), `${nameOf(second).slice(0, 200)} ${idOf(second)}`, idOf(second));
  catalog.acts.note('gave another name to items whose name another one has too', shown(second));
  catalog.move(second, parentOf(second), name);
}

function mendThreads(catalog: RepairCatalog): void {
  for (const id of [...catalog.threads.keys()]) {
    if (catalog.items.has(id) || !catalog.isComplete) continue;
    const to = catalog.target(id);
    catalog.removeThread(id);
    catalog.acts.note('removed threads of items that are gone', JSON.stringify(to?.name ?? ''));
  }
  for (const [id, record] of [...catalog.items]) {
    if (leadsTo(catalog, id) && hasExactThread(catalog, id)) continue;
    catalog.acts.note(`${catalog.threads.has(id) ? 'corrected' : 'made'} threads from their items`, shown(record));
    catalog.putThread(record);
  }
}

function hasExactThread(catalog: RepairCatalog, id: number): boolean {
  const thread = catalog.threads.get(id);
  if (!thread) return false;
  const length = thread.end - thread.data;
  const exact = CatalogThread.size + 2 + 2 * thread.view.getUint16(thread.data + CatalogThread.size);
  return length === exact;
}
