// What the records of a volume's tree say of each other: names and inodes, folders and their entries, hard links, flags, counts.
// See docs/formats/apfs.md.

import { UF_COMPRESSED } from '../records/inodes.js';
import { INODE_FLAGS } from '../structs/records.js';
import { INODE } from '../structs/volume.js';
import type { CatalogCheck, DirectoryEntry, ItemFacts } from './catalog.js';
import { isReserved } from './catalog.js';
import type { Kind } from './kinds.js';
import type { Report } from './report.js';

const TYPES: Readonly<Record<string, number>> = {
  fifo: 1,
  char: 2,
  directory: 4,
  block: 6,
  file: 8,
  symlink: 10,
  socket: 12,
};
const RESOURCE_FORK = 'com.apple.ResourceFork';
const FINDER_INFO = 'com.apple.FinderInfo';
const DECMPFS = 'com.apple.decmpfs';
const SECURITY = 'com.apple.system.Security';
const SYMLINK = 'com.apple.fs.symlink';
/** Parents that are no inodes. */
const PSEUDO_FOLDERS: readonly number[] = [INODE.rootParent, INODE.purgeable];
/** What lies above the root, by number. */
const ABOVE: Readonly<Record<number, string>> = { [INODE.root]: 'root', [INODE.privateFolder]: 'private-dir' };
/** Kinds of compression whose bytes are in the resource fork. */
const IN_FORK: readonly number[] = [4, 8, 10, 12, 14];

export interface Counts {
  files: number;
  directories: number;
  symlinks: number;
  others: number;
}

/** Tells what is wrong with one inode. */
type Tell = (kind: Kind, message: string) => void;

/** Every relation between records; answers what the volume holds. */
export function checkLinks(catalog: CatalogCheck, report: Report): Counts {
  const { items, entries, name } = catalog;
  for (const entry of entries) checkEntry(catalog, entry, report);
  checkMaps(catalog, report);
  checkStatistics(catalog, report);
  for (const id of [INODE.root, INODE.privateFolder])
    report.expect(items.has(id), 'inode-missing', name, `there is no inode ${id}`);
  const counts: Counts = { files: 0, directories: 0, symlinks: 0, others: 0 };
  for (const facts of items.values()) {
    const bad = (kind: Kind, message: string): void => report.add(kind, `${name}, inode ${facts.inode.id}`, message);
    checkNames(facts, bad);
    checkSiblings(catalog, facts, bad);
    checkFlags(facts, bad);
    count(facts, counts);
  }
  checkReachable(catalog, report);
  return counts;
}

function checkEntry({ items, name }: CatalogCheck, entry: DirectoryEntry, report: Report): void {
  const { folder, id, type, sibling } = entry;
  const bad = (kind: Kind, problem: string): void =>
    report.add(kind, `${name}, folder ${folder}`, `${JSON.stringify(entry.name)} ${problem}`);
  const parent = items.get(folder);
  if (parent) parent.children += 1;
  const isFolder = PSEUDO_FOLDERS.includes(folder) || parent?.inode.kind === 'directory';
  if (!isFolder) bad('entry-parent', `lies in ${folder}, which is no folder`);
  const isAbove = folder === INODE.rootParent;
  const hasPlace = isAbove ? isReserved(id) && (ABOVE[id] ?? entry.name) === entry.name : ABOVE[id] === undefined;
  if (!hasPlace) bad('entry-record', `leads to ${id}, and may not in folder ${folder}`);
  if (folder === INODE.purgeable) return;
  const facts = items.get(id);
  if (!facts) {
    bad('entry-target', `names ${id}, which is no inode`);
    return;
  }
  facts.names += 1;
  facts.entry = { folder, name: entry.name, sibling };
  const wanted = TYPES[facts.inode.kind];
  if (type !== wanted) bad('entry-type', `is said to be of type ${type}, but is of ${wanted}`);
  if (facts.siblings === null) return;
  const link = facts.siblings.find((each) => each.id === sibling);
  const agrees = link?.folder === folder && link.name === entry.name;
  if (!agrees) bad('link-siblings', `does not agree with its link ${sibling} of inode ${id}`);
}

function checkNames({ inode, names, entry, children, siblings }: ItemFacts, bad: Tell): void {
  const { kind, links, parent, name } = inode;
  const isOrphan = isBeingDeleted({ inode, entry });
  if (kind === 'directory') {
    if (children !== links) bad('folder-count', `${children} entries are counted as ${links}`);
    if (names !== 1) bad('link-count', `a folder has ${names} names`);
    if (isOrphan && children > 0) bad('inode-record', 'is being deleted, and not empty');
  } else {
    const isRight = isOrphan ? names === 1 : names === links && names > 0;
    if (!isRight) bad('link-count', `${names} names are counted as ${links}`);
  }
  if (isOrphan || names !== 1 || !entry || siblings !== null) return;
  if (entry.folder !== parent) bad('inode-name', `lies in ${entry.folder}, but says ${parent}`);
  if (entry.name !== name)
    bad('inode-name', `is named ${JSON.stringify(entry.name)}, but says ${JSON.stringify(name)}`);
}

/** Something without a name left, which was still open; its name in the private folder is none of its own. */
function isBeingDeleted({ inode, entry }: Pick<ItemFacts, 'inode' | 'entry'>): boolean {
  return entry?.folder === INODE.privateFolder && (inode.links === 0 || inode.kind === 'directory');
}

/** Each way back from the number of a link leads to where it comes from, and the number is of nothing else. */
function checkMaps({ items, siblingMaps, name }: CatalogCheck, report: Report): void {
  const owners = new Map<number, number>();
  for (const { inode, siblings } of items.values()) for (const { id } of siblings ?? []) owners.set(id, inode.id);
  for (const [link, id] of siblingMaps) {
    const isThere = owners.get(link) === id;
    if (!isThere) report.add('link-record', name, `link ${link} leads to ${id}, which does not have it`);
    if (items.has(link) || isReserved(link)) report.add('link-record', name, `link ${link} has the number of an inode`);
  }
}

function checkStatistics({ items, statistics, withStatistics, name }: CatalogCheck, report: Report): void {
  for (const [id, inode] of withStatistics) {
    if (!statistics.has(id))
      report.add('inode-record', `${name}, inode ${inode}`, `its statistics ${id} are not there`);
    const { kind } = items.get(inode)?.inode ?? {};
    if (kind !== 'directory') report.add('inode-record', `${name}, inode ${inode}`, `a ${kind} has statistics`);
  }
  for (const id of statistics)
    if (!withStatistics.has(id)) report.add('record', name, `statistics ${id} belong to no folder`);
}

/** Either no link records, or one for each name; the lowest is the one that the inode tells. */
function checkSiblings(catalog: CatalogCheck, facts: ItemFacts, bad: Tell): void {
  const { siblings, names, inode } = facts;
  if (siblings === null) {
    if (inode.kind !== 'directory' && names > 1) bad('link-siblings', `${names} names have no links`);
    return;
  }
  const rule = (holds: boolean, message: string): void => {
    if (!holds) bad('link-siblings', message);
  };
  rule(siblings.length === names, `${siblings.length} links for ${names} names`);
  for (const { id } of siblings) rule(catalog.siblingMaps.get(id) === inode.id, `link ${id} is not mapped back`);
  const first = siblings[0];
  if (!first) return;
  rule(first.folder === inode.parent && first.name === inode.name, 'its first link is not the name that it tells');
}

function checkFlags({ inode, xattrs, compression }: ItemFacts, bad: Tell): void {
  const rule = (holds: boolean, message: string): void => {
    if (!holds) bad('inode-flags', message);
  };
  const hasXattr = (name: string): boolean => xattrs?.has(name) ?? false;
  const has = (flag: keyof typeof INODE_FLAGS): boolean => (inode.internalFlags & INODE_FLAGS[flag]) !== 0;
  rule(!(has('hasResourceFork') && has('noResourceFork')), 'has a resource fork and has none');
  rule(has('hasResourceFork') === hasXattr(RESOURCE_FORK), 'its flag of a resource fork is wrong');
  const finderInfos = Number(hasXattr(FINDER_INFO)) + Number(inode.finderInfo !== null);
  if (finderInfos !== Number(has('hasFinderInfo'))) bad('inode-record', 'its flag of Finder info is wrong');
  rule(has('hasSecurity') === hasXattr(SECURITY), 'its flag of an access list is wrong');
  rule(has('isSparse') || inode.sparseBytes === 0, 'holes without the flag of them');
  const isCompressed = (inode.flags & UF_COMPRESSED) !== 0;
  rule(isCompressed === hasXattr(DECMPFS), 'its flag of compression is wrong');
  const isInFork = isCompressed && IN_FORK.includes(compression);
  if (isInFork && !hasXattr(RESOURCE_FORK)) bad('xattr-record', 'is compressed in a resource fork that is not there');
  rule((inode.kind === 'symlink') === hasXattr(SYMLINK), 'a target belongs to a symlink, and to nothing else');
  const isDevice = inode.kind === 'char' || inode.kind === 'block';
  rule(isDevice === inode.hasRdev, 'a device number belongs to a device, and to nothing else');
  if (has('beingTruncated')) bad('truncation-pending', 'was being cut, and is not yet');
  if (inode.name === '') bad('inode-name', 'has no name of its own');
}

function count({ inode, entry }: ItemFacts, counts: Counts): void {
  if (isReserved(inode.id) || isBeingDeleted({ inode, entry })) return;
  if (inode.kind === 'file') counts.files += 1;
  else if (inode.kind === 'directory') counts.directories += 1;
  else if (inode.kind === 'symlink') counts.symlinks += 1;
  else counts.others += 1;
}

/** Every folder leads up to the root, so none lies in itself. */
function checkReachable({ items, name }: CatalogCheck, report: Report): void {
  const sound = new Set<number>([INODE.rootParent]);
  for (const { inode } of items.values()) {
    if (inode.kind !== 'directory') continue;
    const path: number[] = [];
    const onPath = new Set<number>();
    let id = inode.id;
    while (!sound.has(id) && !onPath.has(id)) {
      path.push(id);
      onPath.add(id);
      id = items.get(id)?.entry?.folder ?? INODE.rootParent;
    }
    if (!sound.has(id)) report.add('folder-loop', `${name}, inode ${inode.id}`, 'lies in itself');
    for (const each of path) sound.add(each);
  }
}
