import { LockedError } from '@tintype/core';
import { createImage, openImage, writePartitionMap } from '@tintype/image';
import { CrashStore, count, FaultStore, MemoryStore, Random } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import { hostContext } from '../host-context.js';
import { finishReplacement, prepareDraft, replaceImage } from './replace-image.js';

const SIZE = 1 << 20;
const PATH = 'f/a.img';
const DRAFT = 'f/.a.img.tintype.new';
const holder = { ...hostContext().holder, heartbeat: 0 };
type Format = 'udrw' | 'sparsebundle';

function make(store: MemoryStore, path: string, format: Format, content: string): void {
  const bandSize = format === 'sparsebundle' ? { bandSize: SIZE } : {};
  const image = createImage(store, path, { format, size: SIZE, waitLock: 0, holder, ...bandSize });
  const random = (target: Uint8Array) => new Random(5).fill(target);
  writePartitionMap(image.device, { scheme: 'gpt', type: 'Apple_HFS', random });
  image.device.write(SIZE / 2, Buffer.from(content));
  image.device.flush();
  image.close();
}

function contentOf(store: MemoryStore): string {
  const image = openImage(store, PATH, { writable: false, waitLock: 0, holder, allowTimeMachine: false });
  const bytes = Buffer.alloc(3);
  image.device.read(SIZE / 2, bytes);
  image.close();
  return bytes.toString();
}

function both(from: Format, to: Format): MemoryStore {
  const store = new MemoryStore();
  store.makeFolder('f');
  make(store, PATH, from, 'old');
  make(store, DRAFT, to, 'new');
  return store;
}

describe.each<[Format, Format]>([
  ['udrw', 'udrw'],
  ['sparsebundle', 'sparsebundle'],
  ['udrw', 'sparsebundle'],
  ['sparsebundle', 'udrw'],
])('%s by %s', (from, to) => {
  test('nothing but the new image is left', () => {
    const store = both(from, to);
    replaceImage(store, PATH, { holder, waitLock: 0 });
    expect(contentOf(store)).toBe('new');
    expect(store.list('f').map(({ name }) => name)).toEqual(['a.img']);
  });

  test('cut anywhere, one of the two is there whole, after what was left is finished', () => {
    const crash = new CrashStore(both(from, to));
    replaceImage(crash, PATH, { holder, waitLock: 0 });
    const seen = new Set<string>();
    const states = [...crash.prefixes(), ...crash.randomStates({ seed: 4, count: count(60, 2000) })];
    for (const { store, description } of states) {
      if (from === 'udrw' && to === 'udrw') expect(store.kind(PATH), description).toBe('file');
      finishReplacement(store, PATH);
      prepareDraft(store, PATH, { holder, waitLock: 0 });
      const content = contentOf(store);
      expect(['old', 'new'], description).toContain(content);
      seen.add(content);
    }
    expect([...seen].sort()).toEqual(['new', 'old']);
  });

  test('whichever call fails, one of the two is there whole', () => {
    for (let call = 1; ; call += 1) {
      const store = both(from, to);
      const fault = new FaultStore(store, { call, code: 'EIO' });
      try {
        replaceImage(fault, PATH, { holder, waitLock: 0 });
      } catch (error) {
        expect(error).toMatchObject({ code: 'EIO' });
      }
      finishReplacement(store, PATH);
      expect(['old', 'new'], `call ${call}`).toContain(contentOf(store));
      if (!fault.fired) return;
    }
  });
});

test('an image in use is not replaced, and that is told before a draft is made', () => {
  const store = both('udrw', 'udrw');
  const image = openImage(store, PATH, { writable: true, waitLock: 0, holder, allowTimeMachine: false });
  const other = { ...holder, ...hostContext().holder, heartbeat: 0 };
  expect(() => prepareDraft(store, PATH, { holder: other, waitLock: 0 })).toThrow(LockedError);
  expect(() => replaceImage(store, PATH, { holder: other, waitLock: 0 })).toThrow(LockedError);
  image.close();
  expect(contentOf(store)).toBe('old');
});
