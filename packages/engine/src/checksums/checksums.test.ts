// Checksums of contents in real images: kept by a backup, through SafetyNet, undo and merging, and what they find.

import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type FileStore, type Finding, StoreError, WindowDevice } from '@tintype/core';
import { openImage, partitionMap } from '@tintype/image';
import { withFolder } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import type { EngineEvent, SummaryEvent } from '../events.js';
import { OwnFolders } from '../history/own-folder.js';
import { verify } from '../maintenance/verify.js';
import type { BackupOptions } from '../operation.js';
import { backup } from '../operations/backup.js';
import { list } from '../operations/browse.js';
import { undo } from '../operations/undo.js';
import { testContext } from '../run-context.testing.js';
import { openStack } from '../stack.js';
import { findItem } from '../tree/find-item.js';
import { ChecksumBook } from './checksum-book.js';
import { SerialHasher } from './hasher.js';
import { ChecksumTable, segmentsOf } from './table.js';
import { ContentVerifier, type Verdict } from './verify-contents.js';

const OLD = 1_000_000_000;

interface Place {
  readonly source: string;
  readonly image: string;
  run(options?: Partial<BackupOptions>, events?: EngineEvent[]): SummaryEvent;
  put(name: string, content: string | Uint8Array, mtime?: number): void;
}

function withBackup(fs: string, body: (place: Place) => void): void {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(join(source, 'sub'), { recursive: true });
    const put: Place['put'] = (name, content, mtime = OLD) => {
      writeFileSync(join(source, name), content);
      utimesSync(join(source, name), mtime, mtime);
    };
    const run: Place['run'] = (options = {}, events = []) =>
      backup(
        { source, destination: image, fs, ...(existsSync(image) ? {} : { size: 64 << 20 }), ...options },
        testContext(undefined, events),
      );
    put('a', 'content of a');
    put('sub/b', Buffer.alloc(300_000, 7));
    put('empty', '');
    run();
    body({ source, image, run, put });
  });
}

function verifyData(image: string): { readonly findings: Finding[]; readonly summary: SummaryEvent } {
  const events: EngineEvent[] = [];
  const summary = verify({ image, level: 'data' }, testContext(undefined, events));
  return { findings: events.flatMap((event) => (event.type === 'result' ? [event.value as Finding] : [])), summary };
}

/** How many segments there are, and the digest of each file that has one, by path. */
function kept(image: string): { readonly segments: number; readonly digests: Record<string, string> } {
  const stack = openStack(image, { ...testContext(), writable: false });
  try {
    const { segments } = segmentsOf(stack.volume);
    const table = new ChecksumTable(stack.volume, segments);
    const digests: Record<string, string> = {};
    for (const { path, item } of list(stack.volume, '/', true)) {
      const digest = item.kind === 'file' ? table.digestOf(item) : null;
      if (digest) digests[path.replace(/\d{4}-\d\d-\d\d [\d-]+( \d+)?/, 'NET')] = Buffer.from(digest).toString('hex');
    }
    return { segments: segments.length, digests };
  } finally {
    stack.abandon();
  }
}

/** Changes one bit of the only place in the image that holds these bytes. */
function flipBit(image: string, bytes: Uint8Array): void {
  const { store, holder } = testContext();
  const disk = openImage(store, image, { writable: true, waitLock: 0, holder, allowTimeMachine: false });
  try {
    for (const { start, size } of partitionMap(disk.device).partitions) {
      const window = new WindowDevice(disk.device, start, size);
      const block = Buffer.alloc(1 << 20);
      for (let position = 0; position + block.length <= size; position += block.length) {
        window.read(position, block);
        const at = block.indexOf(bytes);
        if (at < 0) continue;
        window.write(position + at, Uint8Array.of((block[at] as number) ^ 1));
        disk.device.flush();
        return;
      }
    }
    throw new Error('the bytes are not in the image');
  } finally {
    disk.close();
  }
}

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

describe.each(['hfs+', 'apfs'])('%s', (fs) => {
  test('each file that is copied has its SHA-256, and only that', () => {
    withBackup(fs, ({ image }) => {
      expect(kept(image)).toEqual({
        segments: 1,
        digests: { '/a': sha256('content of a'), '/sub/b': sha256(Buffer.alloc(300_000, 7)) },
      });
      const { findings, summary } = verifyData(image);
      expect(findings).toEqual([]);
      // The run record and the segment itself, and the empty file, are only read.
      expect(summary).toMatchObject({ filesChecked: 2, filesRead: 5 });
    });
  });

  test('holes count as the zeros that they read as', () => {
    withBackup(fs, ({ image, source, run, put }) => {
      const content = Buffer.concat([Buffer.alloc(9 << 20), Buffer.from('end')]);
      put('sparse', '');
      const file = openSync(join(source, 'sparse'), 'r+');
      writeSync(file, 'end', 9 << 20);
      closeSync(file);
      utimesSync(join(source, 'sparse'), OLD, OLD);
      expect(statSync(join(source, 'sparse')).blocks * 512).toBeLessThan(1 << 20);
      run();
      expect(kept(image).digests).toMatchObject({ '/sparse': sha256(content) });
      expect(verifyData(image).findings).toEqual([]);
    });
  });

  test('a flipped bit is found without the source', () => {
    withBackup(fs, ({ source, image }) => {
      rmSync(source, { recursive: true });
      flipBit(image, Buffer.alloc(4096, 7));
      expect(verifyData(image).findings).toMatchObject([{ kind: 'content', place: '/sub/b', severity: 'error' }]);
    });
  });

  test('`--checksum` copies again what is bad in the image, and says so', () => {
    withBackup(fs, ({ image, run }) => {
      flipBit(image, Buffer.alloc(4096, 7));
      const events: EngineEvent[] = [];
      expect(run({}).items).toMatchObject({ replaced: 0 });
      expect(run({ checksum: true, safetyNet: false }, events)).toMatchObject({ items: { replaced: 1 }, problems: [] });
      expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'content-differed', count: 1 }));
      expect(verifyData(image).findings).toEqual([]);
      expect(run({ checksum: true }).items).toMatchObject({ replaced: 0 });
    });
  });

  test('`--checksum` gives a checksum to files that have none', () => {
    withBackup(fs, ({ image, run }) => {
      removeChecksums(image);
      expect(kept(image).digests).toEqual({});
      run({ checksum: true });
      expect(Object.keys(kept(image).digests)).toEqual(['/a', '/sub/b']);
    });
  });

  test('checksums go with their files into SafetyNet and back', () => {
    withBackup(fs, ({ image, run, put, source }) => {
      put('a', 'another a', OLD + 50);
      rmSync(join(source, 'sub/b'));
      run();
      const moved = {
        '/_SafetyNet/NET/a': sha256('content of a'),
        '/_SafetyNet/NET/sub/b': sha256(Buffer.alloc(300_000, 7)),
      };
      expect(kept(image).digests).toEqual({ '/a': sha256('another a'), ...moved });
      undo({ image }, testContext());
      expect(kept(image).digests).toMatchObject({
        '/a': sha256('content of a'),
        '/sub/b': sha256(Buffer.alloc(300_000, 7)),
        '/_SafetyNet/NET/a': sha256('another a'),
      });
      expect(verifyData(image).findings).toEqual([]);
    });
  });

  test('more than eight segments are merged at the end of a run', () => {
    withBackup(fs, ({ image, run, put }) => {
      const counts: number[] = [];
      for (let i = 0; i < 12; i += 1) {
        put('a', `content ${i}`, OLD + 10 * i + 10);
        put(`new-${i}`, `new ${i}`);
        run({ safetyNet: false });
        counts.push(kept(image).segments);
      }
      expect(counts).toEqual([2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5]);
      const { digests } = kept(image);
      expect(digests['/a']).toBe(sha256('content 11'));
      for (let i = 0; i < 12; i += 1) expect(digests[`/new-${i}`]).toBe(sha256(`new ${i}`));
      expect(verifyData(image)).toMatchObject({ findings: [], summary: { filesChecked: 14 } });
    });
  });

  test('`--verify` reads again what was written, and nothing else', () => {
    withBackup(fs, ({ image, run, put }) => {
      flipBit(image, Buffer.alloc(4096, 7));
      put('late', 'late content');
      expect(run({ verify: true }).problems).toEqual([]);
    });
  });

  test('a segment that is not one is told of, and the others are used', () => {
    withBackup(fs, ({ image, run, put }) => {
      put('late', 'late content');
      run();
      changeSegment(image, '00000002');
      const { findings, summary } = verifyData(image);
      expect(findings).toMatchObject([{ kind: 'checksum-segment', place: 'checksums/00000002', severity: 'warning' }]);
      expect(summary.filesChecked).toBe(2);
    });
  });
});

test('what was written is read again: a change behind the back of a run is told', () => {
  withBackup('hfs+', ({ image }) => {
    flipBit(image, Buffer.alloc(4096, 7));
    const stack = openStack(image, { ...testContext(), writable: true });
    const { volume } = stack;
    const folders = new OwnFolders(volume, { mode: 0o755, uid: 0, gid: 0, now: OLD });
    const book = new ChecksumBook({ volume, folders, hasher: new SerialHasher() });
    const good = Buffer.alloc(300_000, 7);
    const item = findItem(volume, '/sub/b');
    if (!item) throw new Error('the file is there');
    book.hasher.begin(0);
    book.hasher.add(good);
    book.end(item.id, item);
    book.commit();
    const told: Verdict[] = [];
    const verifier = new ContentVerifier(volume, book.written(), book.hasher);
    verifier.file(item, (verdict) => told.push(verdict));
    verifier.drain();
    expect(told).toEqual(['differs']);
    stack.abandon();
  });
});

test('records of files that are gone are dropped when there are twice as many as before', () => {
  withBackup('apfs', ({ image }) => {
    const stack = openStack(image, { ...testContext(), writable: true });
    const { volume } = stack;
    const folders = new OwnFolders(volume, { mode: 0o755, uid: 0, gid: 0, now: OLD });
    const book = new ChecksumBook({ volume, folders, hasher: new SerialHasher() });
    for (let segment = 0; segment < 9; segment += 1) {
      for (let i = 0; i < 12_000; i += 1) {
        book.hasher.begin(0);
        book.end(1_000_000 + segment * 12_000 + i, volume.root);
      }
      book.commit();
    }
    book.merge();
    const { segments } = segmentsOf(volume);
    expect(segments.map(({ count, pruned }) => [count, pruned])).toEqual([[2, 2]]);
    stack.abandon();
  });
});

test('`--checksum` keeps the copy of a file that cannot be read any more', () => {
  withBackup('hfs+', ({ image, run, put }) => {
    put('big', Buffer.alloc(20 << 20, 3));
    run();
    const second = `${image}.second.sparsebundle`;
    backup({ source: image, destination: second, fs: 'apfs', size: 64 << 20 }, testContext());
    const context = testContext();
    const { store } = context;
    const open: FileStore['open'] = (path, mode) => {
      if (path === `${image}/bands/1`) throw new StoreError('EIO', 'open', path);
      return store.open(path, mode);
    };
    const failing = { ...context, store: { ...store, open } };
    const { problems } = backup({ source: image, destination: second, checksum: true }, failing);
    const message = expect.stringContaining('the copy in the backup stays as it was');
    expect(problems).toContainEqual({ path: '/big', code: 'EIO', message });
    expect(kept(second).digests['/big']).toBe(sha256(Buffer.alloc(20 << 20, 3)));
  });
});

function inOwnFolder(image: string, change: (volume: ReturnType<typeof openStack>['volume'], folder: number) => void) {
  const stack = openStack(image, { ...testContext(), writable: true });
  let id = stack.volume.root.id;
  for (const name of ['_SafetyNet', '.tintype', 'checksums']) id = stack.volume.lookup(id, name)?.id ?? id;
  change(stack.volume, id);
  stack.close();
}

function removeChecksums(image: string): void {
  inOwnFolder(image, (volume, folder) => {
    for (const { name } of volume.list(folder)) volume.remove(folder, name);
  });
}

function changeSegment(image: string, name: string): void {
  inOwnFolder(image, (volume, folder) => {
    const item = volume.lookup(folder, name);
    if (item) volume.write(item.id, 0, Buffer.from('no magic'));
  });
}
