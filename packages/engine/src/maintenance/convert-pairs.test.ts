// Every pair of readable and writable formats, plain and encrypted, with the passphrases changed in between: the tree
// stays the same, and what is written is right by its own checks and by foreign readers.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FileStore, WritableVolume } from '@tintype/core';
import { imageFacts, openImage } from '@tintype/image';
import {
  count,
  MemoryStore,
  modiRead,
  plainAttributes,
  qemuConvert,
  Random,
  sevenZipTest,
  snapshotOf,
  type TreeSnapshot,
  withFolder,
  withOracle,
} from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { openStack } from '../stack.js';
import { convert } from './convert.js';
import { createStack } from './create.js';
import { passwd } from './passwd.js';
import { verify } from './verify.js';
import { memoryContext, plant } from './waste.testing.js';

/** `udco` (ADC) is an old one, which is read only, but written here to have one. */
const WRITABLE = ['sparsebundle', 'sparseimage', 'asif', 'udrw', 'udro', 'udzo', 'udbz', 'ulfo', 'ulmo'] as const;
const READABLE = [...WRITABLE, 'udco'] as const;
type Format = (typeof READABLE)[number];
type Encryption = 'none' | 'aes-128' | 'aes-256';

interface Kind {
  readonly format: Format;
  readonly encryption: Encryption;
}

const kdfRounds = 1;
const [first, second, third] = ['the first', 'Größe zwei', 'a third one'];

function kinds(formats: readonly Format[], bits: '128' | '256'): Kind[] {
  return formats.flatMap((format): Kind[] => {
    const plain: Kind = { format, encryption: 'none' };
    // No encrypted ASIF has been seen.
    return format === 'asif' ? [plain] : [plain, { format, encryption: `aes-${bits}` }];
  });
}

const nameOf = ({ format, encryption }: Kind): string => `${format}${encryption === 'none' ? '' : ` (${encryption})`}`;
const PAIRS = kinds(READABLE, '128').flatMap((from) =>
  kinds(WRITABLE, '256').map((to) => ({ from, to, name: `${nameOf(from)} to ${nameOf(to)}` })),
);

/**
 * Files of noise. libmodi refuses LZFSE streams of less than some 160 bytes, which is what 4 to 20 KiB of one byte become;
 * and of bzip2, blocks of more than 100,000 bytes with noise in them, which 7-Zip and Python read.
 */
function plantNoise(volume: WritableVolume): void {
  const random = new Random(3);
  const item = { ...plainAttributes, kind: 'file', target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const [folder = 0] = volume.create(volume.root.id, [
    { ...item, kind: 'directory', size: 0, name: 'folder', mode: 0o755 },
  ]);
  for (let i = 0; i < 12; i += 1) {
    const size = i * i * 1300;
    const [id = 0] = volume.create(folder, [{ ...item, name: `file-${i}`, size }]);
    volume.write(id, 0, random.bytes(size));
    if (i % 4 === 1) volume.remove(folder, `file-${i - 1}`);
  }
}

interface Original {
  readonly store: MemoryStore;
  readonly tree: TreeSnapshot;
}

const originals = new Map<string, Original>();

type Contents = 'noise' | 'plain';

function original(fs: string, contents: Contents): Original {
  const known = originals.get(`${fs} ${contents}`);
  if (known) return known;
  const store = new MemoryStore();
  const stack = createStack({ image: '/o.dmg', format: 'udrw', size: 6 << 20, fs }, memoryContext(store));
  if (contents === 'noise') plantNoise(stack.live);
  else plant(stack.live, 16);
  const tree = snapshotOf(stack.live);
  stack.close();
  const made = { store, tree };
  originals.set(`${fs} ${contents}`, made);
  return made;
}

/** A wrong one stays in the caller's hands, so each gets its own. */
const bytes = (passphrase: string): Buffer => Buffer.from(passphrase);

function expectTree(store: FileStore, image: string, tree: TreeSnapshot, passphrase: string): void {
  const events: EngineEvent[] = [];
  const context = memoryContext(store, events);
  expect(verify({ image, passphrase: bytes(passphrase), level: 'data' }, context)).toMatchObject({ problems: [] });
  expect(events.filter(({ type }) => type === 'result')).toEqual([]);
  const stack = openStack(image, { ...context, writable: false, passphrase: bytes(passphrase) });
  expect(snapshotOf(stack.live)).toEqual(tree);
  stack.abandon();
}

/** From the original to `from`, its passphrase changed, to `to`, that one's changed too. */
function roundTrip(fs: string, from: Kind, to: Kind, contents: Contents = 'noise'): MemoryStore {
  const { store: start, tree } = original(fs, contents);
  const store = start.clone();
  const context = memoryContext(store);
  convert({ image: '/o.dmg', out: '/a', ...from, newPassphrase: bytes(first), kdfRounds }, context);
  store.remove('/o.dmg');
  if (from.encryption !== 'none')
    passwd({ image: '/a', passphrase: bytes(first), newPassphrase: bytes(second), kdfRounds }, context);
  const options = { image: '/a', out: '/b', passphrase: bytes(second), newPassphrase: bytes(third), kdfRounds };
  convert({ ...options, ...to }, context);
  if (to.encryption !== 'none')
    passwd({ image: '/b', passphrase: bytes(third), newPassphrase: bytes(first), kdfRounds }, context);
  const { format, encryption } = imageFacts(store, '/b');
  if (to.encryption === 'none') expect([format, encryption]).toEqual([to.format, null]);
  else expect(encryption?.keyBits).toBe(Number(to.encryption.slice(4)));
  expectTree(store, '/b', tree, first);
  return store;
}

describe.each(['hfs+', 'apfs'])('%s', (fs) => {
  const some = new Random(fs === 'apfs' ? 1 : 2).shuffle(PAIRS).slice(0, count(6, PAIRS.length));
  test.each(some)('$name', ({ from, to }) => {
    roundTrip(fs, from, to);
  });
});

const READERS: readonly { readonly format: Format; readonly by: readonly ('qemu-img' | 'modi-read')[] }[] = [
  { format: 'udro', by: ['qemu-img', 'modi-read'] },
  { format: 'udzo', by: ['qemu-img', 'modi-read'] },
  { format: 'udbz', by: ['modi-read'] },
  { format: 'ulfo', by: ['modi-read'] },
  { format: 'ulmo', by: [] },
];

describe.skipIf(withOracle('7zz').skip)('what is written in each compressed format is read by others', () => {
  test.each(READERS)('$format', ({ format, by }) => {
    withFolder((folder) => {
      const from = { format: 'sparsebundle', encryption: 'aes-128' } as const;
      const contents = format === 'udbz' ? 'plain' : 'noise';
      const store = roundTrip('hfs+', from, { format, encryption: 'none' }, contents);
      const file = join(folder, 'image.dmg');
      writeFileSync(file, fileOf(store, '/b'));
      expect(sevenZipTest(file)).toMatchObject({ ok: true });
      const disk = diskOf(store, '/b');
      for (const name of by) {
        if (withOracle(name).skip) continue;
        const raw = join(folder, name);
        expect(name === 'qemu-img' ? qemuConvert(file, raw) : modiRead(file, raw)).toMatchObject({ ok: true });
        expect([name, Buffer.compare(readFileSync(raw).subarray(0, disk.length), disk)]).toEqual([name, 0]);
      }
    });
  });
});

function fileOf(store: MemoryStore, path: string): Buffer {
  const file = store.open(path, 'read');
  const content = Buffer.alloc(file.size());
  file.read(0, content);
  file.close();
  return content;
}

function diskOf(store: MemoryStore, path: string): Buffer {
  const { holder } = memoryContext(store);
  const image = openImage(store, path, { writable: false, waitLock: 0, holder, allowTimeMachine: false });
  const disk = Buffer.alloc(image.device.size);
  image.device.read(0, disk);
  image.close();
  return disk;
}
