import { CrashStore, MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { keptPath, setAside, settleAside } from './kept-archives.js';

function storeOf(files: Readonly<Record<string, string>>): MemoryStore {
  const store = new MemoryStore();
  store.makeFolder('f');
  for (const [name, content] of Object.entries(files)) {
    const file = store.open(`f/${name}`, 'create');
    file.write(0, Buffer.from(content));
    file.close();
  }
  return store;
}

function contents(store: MemoryStore | CrashStore): Record<string, string> {
  return Object.fromEntries(
    store
      .list('f')
      .map(({ name }): [string, string] => {
        const file = store.open(`f/${name}`, 'read');
        const bytes = Buffer.alloc(file.size());
        file.read(0, bytes);
        file.close();
        return [name, bytes.toString()];
      })
      .sort(),
  );
}

test('names count from the newest on', () => {
  expect([keptPath('f/a.dmg', 1), keptPath('a', 2)]).toEqual(['f/a.1.dmg', 'a.2']);
});

test.each([
  [1, { 'a.dmg': 'now' }, { 'a.dmg': 'now', 'a.1.dmg': 'now' }],
  [1, { 'a.dmg': 'now', 'a.1.dmg': '1' }, { 'a.dmg': 'now', 'a.1.dmg': 'now' }],
  [3, { 'a.dmg': 'now', 'a.1.dmg': '1' }, { 'a.dmg': 'now', 'a.1.dmg': 'now', 'a.2.dmg': '1' }],
  // A gap is filled before anything falls off; what lies beyond the count is somebody's choice.
  [
    3,
    { 'a.dmg': 'now', 'a.2.dmg': '2', 'a.9.dmg': '9' },
    { 'a.dmg': 'now', 'a.1.dmg': 'now', 'a.2.dmg': '2', 'a.9.dmg': '9' },
  ],
])('of %i older ones', (keep, before, after) => {
  const store = storeOf(before);
  expect(setAside(store, 'f/a.dmg')).toBe(true);
  settleAside(store, 'f/a.dmg', { isReplaced: true, count: keep });
  expect(contents(store)).toEqual(after);
});

test('a host without second names changes nothing', () => {
  const store = storeOf({ 'a.dmg': 'now', 'a.1.dmg': '1' });
  store.limits.canLink = false;
  expect(setAside(store, 'f/a.dmg')).toBe(false);
  expect(contents(store)).toEqual({ 'a.dmg': 'now', 'a.1.dmg': '1' });
});

test('one that was not replaced loses its second name; without a count none falls off', () => {
  const store = storeOf({ 'a.dmg': 'now', 'a.1.dmg': '1' });
  setAside(store, 'f/a.dmg');
  settleAside(store, 'f/a.dmg', { isReplaced: false });
  expect(contents(store)).toEqual({ 'a.dmg': 'now', 'a.1.dmg': '1' });
  setAside(store, 'f/a.dmg');
  settleAside(store, 'f/a.dmg', { isReplaced: true });
  expect(contents(store)).toEqual({ 'a.dmg': 'now', 'a.1.dmg': 'now', 'a.2.dmg': '1' });
});

const OLD = { 'a.dmg': 'now', 'a.1.dmg': '1', 'a.2.dmg': '2' };
const DRAFT = 'f/.a.dmg.tintype.new';

/** As an archive does it. */
function swap(store: MemoryStore | CrashStore): void {
  setAside(store, 'f/a.dmg');
  store.rename(DRAFT, 'f/a.dmg');
  store.syncFolder('f');
  settleAside(store, 'f/a.dmg', { isReplaced: true, count: 2 });
}

/** What the next run does first. */
function settled(store: MemoryStore): Record<string, string> {
  const isReplaced = store.kind(DRAFT) === null;
  settleAside(store, 'f/a.dmg', { isReplaced, count: 2 });
  if (!isReplaced) store.remove(DRAFT);
  return contents(store);
}

test('after a cut anywhere the next run finds all as before, or all replaced: nothing is numbered twice', () => {
  const crash = new CrashStore(storeOf({ ...OLD, '.a.dmg.tintype.new': 'new' }));
  swap(crash);
  const seen = new Set<string>();
  for (const { store, description } of [...crash.prefixes(), ...crash.randomStates({ seed: 3, count: 100 })]) {
    expect(store.kind('f/a.dmg'), description).toBe('file');
    const found = settled(store);
    const isNew = found['a.dmg'] === 'new';
    expect(found, description).toEqual(isNew ? { 'a.dmg': 'new', 'a.1.dmg': 'now', 'a.2.dmg': '1' } : OLD);
    seen.add(String(isNew));
  }
  expect([...seen].sort()).toEqual(['false', 'true']);
});

test('a cut while the next run settles changes nothing of that', () => {
  const swapped = new CrashStore(storeOf({ ...OLD, '.a.dmg.tintype.new': 'new' }));
  swap(swapped);
  for (const first of swapped.prefixes()) {
    const crash = new CrashStore(first.store);
    const isReplaced = crash.kind(DRAFT) === null;
    settleAside(crash, 'f/a.dmg', { isReplaced, count: 2 });
    if (!isReplaced) crash.remove(DRAFT);
    const expected = contents(crash);
    for (const { store, description } of [...crash.prefixes(), ...crash.randomStates({ seed: 4, count: 20 })])
      expect(settled(store), description).toEqual(expected);
  }
});
