import { closeSync, cpSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type FileStore, type Finding, Progress, StoreError, TintypeError } from '@tintype/core';
import { FaultStore, fixture, Random, temporaryFolder, unpackFixture } from '@tintype/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { hostContext } from '../host-context.js';
import type { RunContext, VerifyOptions } from '../operation.js';
import { info } from './info.js';
import { inspect } from './inspect.js';
import { raw } from './raw.js';
import { verify } from './verify.js';

const present = !fixture('sparse/bundle.zip').skip;
let folder = '';
let bundle = '';

beforeAll(() => {
  folder = temporaryFolder();
  if (!present) return;
  unpackFixture('sparse/bundle.zip', folder);
  unpackFixture('sparse/raw-dmg.zip', folder);
  bundle = join(folder, 'aj_bundle.sparsebundle');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function contextWith(
  store: FileStore,
  progress = new Progress(),
): { readonly context: RunContext; readonly events: EngineEvent[] } {
  const events: EngineEvent[] = [];
  return { context: { ...hostContext(), store, progress, emit: (event) => events.push(event) }, events };
}

function findingsOf(image: string, store: FileStore, level: VerifyOptions['level'] = 'data'): Finding[] {
  const { context, events } = contextWith(store);
  const summary = verify({ image, level }, context);
  const found = events.flatMap((event) => (event.type === 'result' ? [event.value as Finding] : []));
  expect(summary.findings).toBe(found.length);
  return found;
}

test.skipIf(!present)('a sound bundle of macOS has no findings', () => {
  expect(findingsOf(bundle, hostContext().store)).toEqual([]);
});

test.skipIf(!present)('a band that the host cannot read is a finding, and ends nothing', () => {
  const { store } = hostContext();
  const open: FileStore['open'] = (path, mode) => {
    if (path.endsWith('bands/0')) throw new StoreError('EIO', 'open', path);
    return store.open(path, mode);
  };
  const found = findingsOf(bundle, { ...store, open });
  expect(found[0]).toMatchObject({ kind: 'band-unreadable', place: 'band 0' });
  expect(found.length).toBeGreaterThan(1);
});

test.skipIf(!present)('whichever call of the host fails: findings, or an error of the host', () => {
  for (let call = 1; ; call += 7) {
    const store = new FaultStore(hostContext().store, { call, code: 'EIO', lasts: Number.POSITIVE_INFINITY });
    try {
      findingsOf(bundle, store, 'structure');
    } catch (error) {
      expect(error).toBeInstanceOf(TintypeError);
    }
    if (!store.fired) break;
  }
});

test.skipIf(!present)('noise in an image gives findings or an error, never a crash', () => {
  const random = new Random(11);
  for (let round = 0; round < 12; round += 1) {
    const copy = join(folder, `noise-${round}.dmg`);
    cpSync(join(folder, 'aj_dmg.dmg'), copy);
    const file = openSync(copy, 'r+');
    for (let i = 0; i < 40; i += 1) writeSync(file, Uint8Array.of(random.below(256)), 0, 1, random.below(600_000));
    closeSync(file);
    try {
      for (const { kind, place } of findingsOf(copy, hostContext().store)) expect(`${kind}${place}`).not.toBe('');
    } catch (error) {
      expect(error).toBeInstanceOf(TintypeError);
    }
    rmSync(copy);
  }
});

test.skipIf(!present)('asked to stop, verify and raw stop, and raw leaves nothing', () => {
  const progress = new Progress();
  progress.cancel();
  const { context } = contextWith(hostContext().store, progress);
  const out = join(folder, 'stopped.raw');
  expect(() => verify({ image: bundle, level: 'data' }, context)).toThrow(
    expect.objectContaining({ code: 'cancelled' }),
  );
  expect(() => raw({ image: bundle, out }, context)).toThrow(expect.objectContaining({ code: 'cancelled' }));
  expect(context.store.list(folder).filter(({ name }) => name.includes('stopped'))).toEqual([]);
});

test.skipIf(!present)('info says who holds an image that is locked', () => {
  const { store } = hostContext();
  const open: FileStore['open'] = (path, mode) => ({ ...heldByOthers(store.open(path, mode)) });
  const context = { ...hostContext(), store: { ...store, open } };
  expect(info(bundle, hostContext())).toMatchObject({ lockedBy: null, volumes: [{ name: 'aj_bundle_unencrypted' }] });
  expect(info(bundle, context)).toMatchObject({
    lockedBy: 'another process',
    volumes: [],
    container: { format: 'sparsebundle' },
  });
});

function heldByOthers(file: ReturnType<FileStore['open']>): ReturnType<FileStore['open']> {
  return {
    path: file.path,
    size: () => file.size(),
    allocated: (...range) => file.allocated(...range),
    read: (...part) => file.read(...part),
    write: (...part) => file.write(...part),
    allocate: (...range) => file.allocate(...range),
    truncate: (length) => file.truncate(length),
    punch: (...range) => file.punch(...range),
    lock: () => false,
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

test.skipIf(!present)('inspect lists its places, and every one of them answers', () => {
  const places = [...inspect(bundle, null, {}, hostContext())].join('\n');
  for (const place of ['plist', 'band:2', 'lease', 'header', 'catalog', 'catalog:1', 'block:0']) {
    expect(places).toContain(place.split(':')[0]);
    expect([...inspect(bundle, place, {}, hostContext())].join('\n'), place).not.toContain('there is no place');
  }
});
