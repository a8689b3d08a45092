import { LinkLostError, Progress, StoreError } from '@tintype/core';
import { FaultStore, MemoryStore } from '@tintype/testkit';
import { fileStoreContract } from '@tintype/testkit/contracts';
import { expect, test } from 'vitest';
import { LinkStore } from './link-store.js';

fileStoreContract('a link store', () => {
  const store = new MemoryStore();
  store.makeFolder('/top');
  return { store: new LinkStore(store, { path: '/top', progress: new Progress() }), folder: '/top' };
});

/** A store with an image in two files, and one beside it. */
function withImage(): MemoryStore {
  const store = new MemoryStore();
  for (const folder of ['/d', '/d/b.sparsebundle', '/d/b.sparsebundle/bands']) store.makeFolder(folder);
  for (const file of ['/d/b.sparsebundle/bands/0', '/d/.b.sparsebundle.tintype.new', '/d/other.dmg'])
    store.open(file, 'create').close();
  return store;
}

function failing(code: string, path = '/d/b.sparsebundle'): LinkStore {
  return new LinkStore(new FaultStore(withImage(), { call: 1, code }), { path });
}

test.each(['EIO', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN', 'EHOSTDOWN', 'ENODEV', 'EINTR'])(
  '%s of the image is a loss',
  (code) => {
    for (const path of ['/d/b.sparsebundle/bands/0', '/d/.b.sparsebundle.tintype.new', './/d/b.sparsebundle/bands/0'])
      expect(() => failing(code, path.startsWith('.') ? './/d/b.sparsebundle/' : undefined).open(path, 'read')).toThrow(
        expect.objectContaining({ name: 'LinkLostError', code, values: { operation: 'open', path } }),
      );
    expect(() => failing(code).list('/d')).toThrow(LinkLostError);
  },
);

test('so is that of a file which belongs to it under another name', () => {
  const faults = new FaultStore(withImage(), { call: 1, code: 'EIO', lasts: 2 });
  const store = new LinkStore(faults, { path: '/d/b.sparsebundle', more: ['/d/b.undo'] });
  expect(() => store.kind('/d/b.undo')).toThrow(LinkLostError);
  expect(() => store.kind('/d/b.undo.token')).toThrow(LinkLostError);
});

test('other files, and what hosts refuse, are not', () => {
  for (const path of ['/d/other.dmg', '/d/b.sparsebundle2', '/'])
    expect(() => failing('EIO').kind(path)).toThrow(expect.objectContaining({ name: 'StoreError', code: 'EIO' }));
  for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG', 'EACCES', 'EROFS'])
    expect(() => failing(code).remove('/d/b.sparsebundle/bands/0')).toThrow(
      expect.objectContaining({ name: 'StoreError', code }),
    );
});

test('a file that fails later tells of the loss too', () => {
  const faults = new FaultStore(withImage(), { call: 2, code: 'ENOTCONN', lasts: Number.POSITIVE_INFINITY });
  const file = new LinkStore(faults, { path: '/d/b.sparsebundle' }).open('/d/b.sparsebundle/bands/0', 'write');
  for (const call of [
    () => file.size(),
    () => file.allocated(0, 1),
    () => file.read(0, new Uint8Array(1)),
    () => file.write(0, new Uint8Array(1)),
    () => file.allocate(0, 1),
    () => file.truncate(0),
    () => file.punch(0, 1),
    () => file.lock('shared'),
    () => file.sync(),
    () => file.close(),
  ])
    expect(call).toThrow(LinkLostError);
});

test('a missing file is a loss only where the image is missing too, or the folder around it', () => {
  const below = withImage();
  const store = new LinkStore(below, { path: '/d/b.sparsebundle' });
  const open = (path: string) => () => store.open(path, 'read');
  below.remove('/d/b.sparsebundle/bands/0');
  store.know();
  expect(open('/d/b.sparsebundle/bands/0')).toThrow(expect.objectContaining({ name: 'StoreError', code: 'ENOENT' }));
  below.remove('/d/b.sparsebundle/bands');
  expect(open('/d/b.sparsebundle/bands/0')).toThrow(LinkLostError);
  expect(open('/d/b.sparsebundle/token')).toThrow(expect.objectContaining({ name: 'StoreError' }));
  below.remove('/d/b.sparsebundle');
  expect(open('/d/b.sparsebundle/token')).toThrow(LinkLostError);
  expect(open('/d/.b.sparsebundle.tintype.lease.1')).toThrow(LinkLostError);
  expect(() => store.kind('/d/b.sparsebundle')).toThrow(LinkLostError);
});

test('so is a missing folder of bands, whatever is asked of it', () => {
  const below = withImage();
  const store = new LinkStore(below, { path: '/d/b.sparsebundle' });
  below.remove('/d/b.sparsebundle/bands/0');
  below.remove('/d/b.sparsebundle/bands');
  expect(store.kind('/d/b.sparsebundle/bands')).toBeNull();
  expect(() => store.list('/d/b.sparsebundle/bands')).toThrow(expect.objectContaining({ name: 'StoreError' }));
  store.know();
  for (const call of [
    () => store.kind('/d/b.sparsebundle/bands'),
    () => store.list('/d/b.sparsebundle/bands'),
    () => store.syncFolder('/d/b.sparsebundle/bands/'),
    () => store.open('/d/b.sparsebundle/bands/1', 'create'),
  ])
    expect(call).toThrow(LinkLostError);
});

test('before it was seen, a missing image is nothing lost', () => {
  const store = new LinkStore(new MemoryStore(), { path: '/d/b.sparsebundle' });
  expect(store.kind('/d/b.sparsebundle')).toBeNull();
  expect(() => store.list('/d/b.sparsebundle')).toThrow(
    expect.objectContaining({ name: 'StoreError', code: 'ENOENT' }),
  );
});

test('each call shows that it is under way, once, whatever it calls itself', () => {
  const progress = new Progress();
  const seen: number[] = [];
  const below = new MemoryStore();
  const store: LinkStore = new LinkStore(
    new Proxy(below, {
      get: (target, name) =>
        name === 'list'
          ? (path: string) => {
              if (path === '/i/deep') store.list('/i');
              seen.push(progress.calls);
              return [];
            }
          : Reflect.get(target, name),
    }),
    { path: '/i', progress },
  );
  store.list('/i/deep');
  expect(seen).toEqual([1, 1]);
  expect(progress.calls).toBe(2);
  expect(() =>
    store.watch('stat', '/i', () => {
      throw new StoreError('EIO', 'stat', '/i');
    }),
  ).toThrow(LinkLostError);
  expect(progress.calls).toBe(4);
});
