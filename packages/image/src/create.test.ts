import { MemoryStore } from '@tintype/testkit';
import { blockDeviceContract } from '@tintype/testkit/contracts';
import { expect, test } from 'vitest';
import { createImage } from './create.js';
import type { CreateImageOptions } from './disk-image.js';
import { holder } from './encryption/encrypted.testing.js';
import { imageFacts, openImage } from './open.js';

const SIZE = 6 << 20;
const BAND = 1 << 20;
const passphrase = Buffer.from('contract');
const base = { size: SIZE, waitLock: 0, holder, passphrase, kdfRounds: 1 } as const;
const kinds: Record<string, CreateImageOptions> = {
  'a raw image': { ...base, format: 'udrw' },
  'a sparse image': { ...base, format: 'sparseimage', bandSize: BAND },
  'a sparse bundle': { ...base, format: 'sparsebundle', bandSize: BAND },
};

for (const [name, options] of Object.entries(kinds))
  for (const encryption of [undefined, 'aes-128', 'aes-256'] as const)
    blockDeviceContract(
      `${name}, ${encryption ?? 'clear'}`,
      () => {
        const store = new MemoryStore();
        const { device } = createImage(store, 'x', { ...options, encryption });
        let current = store;
        const reopen = () => {
          const opening = { writable: true, waitLock: 0, holder, allowTimeMachine: false, passphrase };
          // The same files without the locks of a handle that is still there.
          current = current.clone();
          return openImage(current, 'x', opening).device;
        };
        // A clear raw image without anything in it is not known to be one.
        return options.format === 'udrw' && !encryption ? { device } : { device, reopen };
      },
      { seams: [BAND, 2 * BAND], operations: 120, seeds: [1, 2] },
    );

test.each(Object.entries(kinds))('%s: encrypted, nothing of it is clear, and its facts say so', (_name, options) => {
  const store = new MemoryStore();
  const image = createImage(store, 'x', { ...options, encryption: 'aes-256' });
  const text = Buffer.alloc(4096, 'plain as day ');
  image.device.write(BAND - 1000, text);
  image.close();
  for (const path of filesOf(store, 'x')) {
    const file = store.open(path, 'read');
    const bytes = Buffer.alloc(file.size());
    file.read(0, bytes);
    expect(bytes.includes('plain as day')).toBe(false);
  }
  expect(imageFacts(store, 'x').encryption).toEqual({ algorithm: 'AES', keyBits: 256, iterations: 1 });
});

function filesOf(store: MemoryStore, path: string): string[] {
  if (store.kind(path) !== 'directory') return [path];
  return store.list(path).flatMap(({ name }) => filesOf(store, `${path}/${name}`));
}

test('zeros take no space in an encrypted bundle; absent bands are not encrypted', () => {
  const store = new MemoryStore();
  const image = createImage(store, 'x', { ...base, format: 'sparsebundle', bandSize: BAND, encryption: 'aes-128' });
  image.device.write(0, new Uint8Array(SIZE));
  image.device.flush();
  expect(store.list('x/bands')).toEqual([]);
  image.device.write(3 * BAND + 777, Uint8Array.of(1));
  image.device.flush();
  expect(store.list('x/bands').map(({ name }) => name)).toEqual(['3']);
  expect(image.device.extent(3 * BAND)).toMatchObject({ kind: 'data' });
  image.device.zero(3 * BAND, BAND);
  image.device.flush();
  expect(store.list('x/bands')).toEqual([]);
  image.close();
});
