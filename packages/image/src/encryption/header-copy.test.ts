import { type FileStore, MemoryDevice, PassphraseError } from '@tintype/core';
import { CrashStore, count, MemoryStore, Random } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { createArchive } from '../archive.js';
import { createImage } from '../create.js';
import { openImage } from '../open.js';
import { passwd } from '../passwd.js';
import { holder } from './encrypted.testing.js';
import { headerCopyPlace } from './header-copy.js';

const [current, next] = [Buffer.from('old'), Buffer.from('new')];
const SIZE = 1 << 20;
const CONTENT = new Random(3).bytes(200_000);
const common = { waitLock: 0, holder, encryption: 'aes-256', passphrase: current, kdfRounds: 3 } as const;
type Format = 'udrw' | 'sparseimage' | 'sparsebundle' | 'udzo';

function formatted(path: string, format: Format): MemoryStore {
  const store = new MemoryStore();
  if (format === 'udzo') {
    const disk = new MemoryDevice(new Uint8Array(SIZE));
    disk.write(70_144, CONTENT);
    createArchive(store, path, disk, { ...common, format, random: holder.random, free: [] });
    return store;
  }
  const image = createImage(store, path, { ...common, format, size: SIZE });
  image.device.write(510, Uint8Array.of(0x55, 0xaa));
  image.device.write(70_144, CONTENT);
  image.close();
  return store;
}

/** Which of the two opens it; the content is there either way. */
function opens(store: FileStore, path: string, writable: boolean): string[] {
  return [current, next].flatMap((passphrase) => {
    try {
      const image = openImage(store, path, { writable, waitLock: 0, holder, allowTimeMachine: false, passphrase });
      const seen = Buffer.alloc(CONTENT.length);
      image.device.read(70_144, seen);
      image.close();
      expect(seen.equals(CONTENT)).toBe(true);
      return [passphrase.toString()];
    } catch (error) {
      if (error instanceof PassphraseError) return [];
      throw error;
    }
  });
}

test.each([
  ['x.dmg', 'udrw'],
  ['x.sparseimage', 'sparseimage'],
  ['x.sparsebundle', 'sparsebundle'],
  ['x.dmg', 'udzo'],
] as const)('%s (%s): a cut anywhere leaves one passphrase that opens it', (path, format) => {
  const crash = new CrashStore(formatted(path, format));
  expect(passwd(crash, path, { current, next, holder, waitLock: 0, kdfRounds: 3 })).toBe(0);
  const seen = new Set<string>();
  const states = [...crash.prefixes(), ...crash.randomStates({ seed: 5, count: count(80, 1000) })];
  for (const { store, description } of states) {
    const reading = opens(store.clone(), path, false);
    expect([description, reading.length]).toEqual([description, 1]);
    seen.add(reading.join());
    // Read-only formats are opened for writing by the next change only.
    if (format === 'udzo') {
      const again = Buffer.from(reading.join());
      passwd(store, path, { current: again, next: again, holder, waitLock: 0, kdfRounds: 3 });
      expect([description, opens(store, path, false)]).toEqual([description, reading]);
    } else expect([description, opens(store, path, true)]).toEqual([description, reading]);
    // Opened for writing, it is settled: no copy is left, and the header in place is whole.
    expect(store.kind(headerCopyPlace(path, format === 'sparsebundle').path)).toBeNull();
  }
  expect([...seen].sort()).toEqual(['new', 'old']);
});

test('a copy that belongs to another image is dropped', () => {
  const store = formatted('x.dmg', 'udrw');
  const other = new CrashStore(formatted('x.dmg', 'udrw'));
  passwd(other, 'x.dmg', { current, next, holder, waitLock: 0, kdfRounds: 3 });
  const place = headerCopyPlace('x.dmg', false).path;
  const cut = [...other.prefixes()].find((state) => opens(state.store.clone(), 'x.dmg', false)[0] === 'new');
  const from = cut?.store.open(place, 'read');
  const bytes = new Uint8Array(from?.size() ?? 0);
  from?.read(0, bytes);
  const copy = store.open(place, 'create');
  copy.write(0, bytes);
  copy.close();
  expect(bytes.length).toBeGreaterThan(700);
  expect(opens(store, 'x.dmg', true)).toEqual(['old']);
  expect(store.kind(place)).toBeNull();
});

test('places', () => {
  expect(headerCopyPlace('a/b/x.dmg', false).path).toBe('a/b/.x.dmg.tintype.header');
  expect(headerCopyPlace('x.sparsebundle', true).path).toBe('x.sparsebundle/tintype.header');
});
