import { CrashStore, MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { keepArchive, keptPath } from './kept-archives.js';

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
  [
    2,
    { 'a.dmg': 'now', 'a.1.dmg': '1', 'a.2.dmg': '2', '.a.dmg.tintype.kept': 'of a cut' },
    { 'a.dmg': 'now', 'a.1.dmg': 'now', 'a.2.dmg': '1' },
  ],
])('of %i older ones', (keep, before, after) => {
  const store = storeOf(before);
  expect(keepArchive(store, 'f/a.dmg', keep)).toBe(true);
  expect(contents(store)).toEqual(after);
});

test('a host without second names changes nothing', () => {
  const store = storeOf({ 'a.dmg': 'now', 'a.1.dmg': '1' });
  store.limits.canLink = false;
  expect(keepArchive(store, 'f/a.dmg', 2)).toBe(false);
  expect(contents(store)).toEqual({ 'a.dmg': 'now', 'a.1.dmg': '1' });
});

test('after a cut the archive has its name, no older one is lost but the last, and the next run goes on', () => {
  const crash = new CrashStore(storeOf({ 'a.dmg': 'now', 'a.1.dmg': '1', 'a.2.dmg': '2' }));
  keepArchive(crash, 'f/a.dmg', 2);
  let cuts = 0;
  for (const { store, description } of [...crash.prefixes(), ...crash.randomStates({ seed: 3, count: 50 })]) {
    const found = contents(store);
    expect(found['a.dmg'], description).toBe('now');
    expect(Object.values(found), description).toContain('1');
    expect(keepArchive(store, 'f/a.dmg', 2)).toBe(true);
    expect(store.kind('f/.a.dmg.tintype.kept'), description).toBe(null);
    expect(contents(store)['a.1.dmg'], description).toBe('now');
    cuts += 1;
  }
  expect(cuts).toBeGreaterThan(50);
});
