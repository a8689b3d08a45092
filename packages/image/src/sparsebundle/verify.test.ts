import { MemoryStore } from '@tintype/testkit';
import { expect, test } from 'vitest';
import { createImage } from '../create.js';
import { holder } from '../encryption/encrypted.testing.js';
import { openImage } from '../open.js';

const BAND = 1 << 20;
const passphrase = Buffer.from('x');

function findings(damage: (store: MemoryStore) => void, encryption?: 'aes-128'): string[] {
  const store = new MemoryStore();
  const options = {
    format: 'sparsebundle',
    size: 3 * BAND,
    bandSize: BAND,
    waitLock: 0,
    holder,
    kdfRounds: 1,
  } as const;
  const image = createImage(store, 'b', { ...options, encryption, passphrase });
  image.device.write(BAND, new Uint8Array(5000).fill(1));
  image.close();
  damage(store);
  const opened = openImage(store, 'b', { writable: false, waitLock: 0, holder, allowTimeMachine: false, passphrase });
  const found = [...opened.verify()].map(({ kind, place, severity }) => `${severity} ${kind} ${place}`);
  opened.close();
  return found;
}

const lengthOf = (band: string, length: number) => (store: MemoryStore) => {
  const file = store.open(`b/bands/${band}`, store.kind(`b/bands/${band}`) === null ? 'create' : 'write');
  file.truncate(length);
  file.close();
};

test('a sound bundle has no findings', () => {
  expect(findings(() => {})).toEqual([]);
  expect(findings(() => {}, 'aes-128')).toEqual([]);
});

test('bands that cannot be', () => {
  expect(findings(lengthOf('1', BAND + 1))).toEqual(['error band-length band 1']);
  expect(findings(lengthOf('3', 512))).toEqual(['warning band-beyond-end band 3']);
  expect(findings((store) => store.makeFolder('b/bands/2'))).toEqual(['error band-kind band 2']);
  expect(findings(lengthOf('0a', 512))).toEqual([]);
});

test('an encrypted band ends with a whole chunk', () => {
  expect(findings(lengthOf('1', 1000), 'aes-128')).toEqual(['error band-chunk band 1']);
  expect(findings(lengthOf('1', 1000))).toEqual([]);
});

test('a property list that cannot be read', () => {
  const damage = (store: MemoryStore) => {
    const file = store.open('b/Info.plist', 'write');
    file.truncate(50);
    file.close();
  };
  expect(findings(damage)).toEqual(['error info-plist Info.plist']);
});
