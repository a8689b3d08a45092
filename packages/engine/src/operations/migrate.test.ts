import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CancelledError, PassphraseError, RefusedError } from '@tintype/core';
import { imageFacts } from '@tintype/image';
import { Random, withFolder } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import type { MigrateOptions, RunContext } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { UsageError } from '../usage-error.js';
import { backup } from './backup.js';
import { diff } from './diff.js';
import { migrate } from './migrate.js';

const MIB = 1 << 20;
const OLD = 1_000_000_000;

function makeTree(source: string): void {
  const random = new Random(12);
  mkdirSync(join(source, 'letters/old'), { recursive: true });
  for (let i = 0; i < 30; i += 1) {
    writeFileSync(join(source, 'letters', `file-${i}`), random.bytes(i * 2000));
    utimesSync(join(source, 'letters', `file-${i}`), OLD, OLD);
  }
  writeFileSync(join(source, 'letters/old/Größe'), 'x');
  linkSync(join(source, 'letters/file-3'), join(source, 'letters/old/linked'));
  symlinkSync('letters/file-4', join(source, 'link'));
  for (const path of ['letters/old', 'letters', '.']) utimesSync(join(source, path), OLD, OLD);
}

/** A backup of a small tree: `image`, in `folder`. */
function withImage(fs: string, body: (folder: string, image: string, source: string) => void, secret = {}): void {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    mkdirSync(source);
    makeTree(source);
    const image = join(folder, 'old.sparsebundle');
    backup({ source, destination: image, fs, size: 32 * MIB, bandSize: MIB, ...secret }, testContext());
    body(folder, image, source);
  });
}

const call = (options: MigrateOptions, context: RunContext = testContext()) =>
  migrate({ size: 32 * MIB, ...options }, context);
const notes = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.tintype.migration'));
const equal = (a: string, b: string) =>
  expect(diff({ a, b, checksum: true }, testContext())).toMatchObject({ differences: 0 });

describe.each(['hfs+', 'apfs'])('B3 a backup on %s', (fs) => {
  test.each(['new.sparsebundle', 'new.sparseimage'])('moves to %s: all of it, compared both ways', (name) => {
    withImage(fs, (folder, image, source) => {
      const out = join(folder, name);
      const summary = call({ image, out });
      expect(summary).toMatchObject({ proved: true, differences: 0, resumed: false, removable: [image], problems: [] });
      equal(source, out);
      expect(existsSync(image)).toBe(true);
      expect(notes(folder)).toEqual([]);
      expect(() => call({ image, out })).toThrow(RefusedError);
    });
  });
  test('moves to a folder, with the attributes of its root', () => {
    withImage(fs, (folder, image, source) => {
      const out = join(folder, 'plain');
      expect(call({ image, out, size: undefined })).toMatchObject({ kind: 'folder', proved: true, removable: [image] });
      // A folder keeps nanoseconds, which HFS+ does not have.
      equal(fs === 'hfs+' ? image : source, out);
      expect(statSync(out).mtimeMs).toBe(OLD * 1000);
      expect(statSync(join(out, 'letters/old/linked')).ino).toBe(statSync(join(out, 'letters/file-3')).ino);
    });
  });
  test('moves to a read-only image', () => {
    withImage(fs, (folder, image, source) => {
      const out = join(folder, 'new.dmg');
      expect(call({ image, out, size: undefined })).toMatchObject({ kind: 'archive', proved: true });
      expect(imageFacts(testContext().store, out).format).toBe('udzo');
      equal(source, out);
    });
  });
});

test('B3: one command moves an image to a folder, and says what can be removed', () => {
  withImage('apfs', (folder, image, source) => {
    const out = join(folder, 'plain');
    expect(call({ image, out, size: undefined })).toMatchObject({ proved: true, removable: [image] });
    equal(source, out);
    expect(existsSync(image)).toBe(true);
  });
});

/** Stops at the n-th time that the clock of bytes ticks. */
function stoppedAfter(ticks: number): RunContext {
  const context = testContext();
  const add = context.progress.add.bind(context.progress);
  let left = ticks;
  context.progress.add = (counter, amount) => {
    left -= 1;
    if (left === 0) context.progress.cancel();
    add(counter, amount);
  };
  return context;
}

test.each(['new.sparsebundle', 'plain'])('B3 stopped again and again, %s is finished without copying twice', (name) => {
  withImage('hfs+', (folder, image, source) => {
    const out = join(folder, name);
    const options = { image, out, commitEvery: 0, ...(name === 'plain' ? { size: undefined } : {}) };
    let stops = 0;
    let created = 0;
    for (let ticks = 20; ; ticks += 1) {
      const summary = call(options, stoppedAfter(ticks));
      created += (summary.items as { created: number }).created;
      if (!summary.interrupted) {
        expect(summary).toMatchObject({ proved: true, resumed: true });
        break;
      }
      stops += 1;
      expect(notes(folder)).toHaveLength(1);
    }
    expect(stops).toBeGreaterThan(1);
    // Nearly: a stop takes back what no commit held.
    expect(created).toBeLessThan(40);
    equal(image, out);
    expect(notes(folder)).toEqual([]);
    expect(statSync(name === 'plain' ? out : source).mtimeMs).toBe(OLD * 1000);
  });
});

test('B3 what differs is told, and the old image must stay', () => {
  withImage('hfs+', (folder, image) => {
    const out = join(folder, 'plain');
    const options = { image, out, size: undefined };
    call(options, stoppedAfter(20));
    writeFileSync(join(out, 'stranger'), 'mine');
    const summary = call(options);
    expect(summary).toMatchObject({ proved: false, removable: [], differences: 1 });
    expect(summary.problems).toEqual([{ path: '/stranger', code: 'differs', message: 'is in the copy only' }]);
    expect(readFileSync(join(out, 'stranger'), 'utf8')).toBe('mine');
    expect(notes(folder)).toHaveLength(1);
  });
});

test('B3 a copy that rotted is found, and copied again by the next run', () => {
  withImage('hfs+', (folder, image) => {
    const out = join(folder, 'new.dmg');
    const options = { image, out, format: 'udrw', commitEvery: 0 };
    expect(call(options, stoppedAfter(30))).toMatchObject({ interrupted: true });
    const content = readFileSync(join(folder, 'source/letters/file-2'));
    const disk = readFileSync(out);
    const at = disk.indexOf(content);
    expect(at).toBeGreaterThan(0);
    disk.writeUInt8(disk.readUInt8(at + 99) ^ 1, at + 99);
    writeFileSync(out, disk);
    expect(call(options)).toMatchObject({
      proved: false,
      problems: [{ path: '/letters/file-2', code: 'differs', message: 'has another content in the copy' }],
    });
    expect(call(options)).toMatchObject({ proved: true, resumed: true, problems: [] });
    equal(image, out);
  });
});

test('what lies at the target already is left alone', () => {
  withImage('hfs+', (folder, image, source) => {
    const out = join(folder, 'plain');
    mkdirSync(out);
    writeFileSync(join(out, 'mine'), 'mine');
    expect(() => call({ image, out, size: undefined })).toThrow(expect.objectContaining({ code: 'exists' }));
    // A note of another volume, or one that is none, does not make it ours.
    for (const text of ['{"source":"another"}', '{', '', 'null', '[]', 'x'.repeat(9000)]) {
      writeFileSync(join(folder, '.plain.tintype.migration'), text);
      expect(() => call({ image, out, size: undefined })).toThrow(expect.objectContaining({ code: 'exists' }));
    }
    expect(readdirSync(out)).toEqual(['mine']);
    expect(() => call({ image: source, out: join(folder, 'x') })).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
    expect(() => call({ image, out: join(folder, 'none/x') })).toThrow(expect.objectContaining({ code: 'no-parent' }));
    expect(() => call({ image, out: join(folder, 'x.dmg'), fs: 'apfs' })).toThrow(UsageError);
  });
});

test('what only the old image has is said: snapshots and SafetyNet', () => {
  withImage('apfs', (folder, image, source) => {
    appendFileSync(join(source, 'letters/file-5'), 'more');
    backup({ source, destination: image, makeSnapshot: 'now' }, testContext());
    expect(call({ image, out: join(folder, 'new.sparsebundle') })).toMatchObject({
      proved: true,
      onlyInImage: { snapshots: 1, safetyNets: 1, otherVolumes: 0 },
    });
  });
});

test('encrypted as before, by the same passphrase; or by another; or clear if asked', () => {
  const bytes = () => Buffer.from('one');
  const secret = { encryption: 'aes-256', passphrase: bytes(), kdfRounds: 1000 };
  withImage(
    'hfs+',
    (folder, image) => {
      const at = (name: string) => join(folder, name);
      expect(() => call({ image, out: at('a.sparsebundle') })).toThrow(PassphraseError);
      expect(notes(folder)).toEqual([]);
      const given = { image, passphrase: bytes(), kdfRounds: 1000 };
      expect(call({ ...given, out: at('a.sparseimage') })).toMatchObject({ proved: true });
      expect(call({ ...given, out: at('b.sparsebundle'), newPassphrase: Buffer.from('two') })).toMatchObject({
        proved: true,
      });
      expect(call({ ...given, out: at('c.sparsebundle'), encryption: 'none' })).toMatchObject({ proved: true });
      expect(call({ ...given, out: at('d.dmg'), size: undefined })).toMatchObject({ proved: true });
      const { store } = testContext();
      const encryption = (name: string) => imageFacts(store, at(name)).encryption?.keyBits ?? 0;
      expect(['a.sparseimage', 'b.sparsebundle', 'c.sparsebundle', 'd.dmg'].map(encryption)).toEqual([
        256, 256, 0, 256,
      ]);
      const a = at('c.sparsebundle');
      for (const [b, passphrase] of [
        ['a.sparseimage', 'one'],
        ['b.sparsebundle', 'two'],
        ['d.dmg', 'one'],
      ] as const)
        expect(diff({ a, b: at(b), checksum: true, passphrase: Buffer.from(passphrase) }, testContext())).toMatchObject(
          {
            differences: 0,
          },
        );
    },
    secret,
  );
});

test('asked to stop before it begins, it says so', () => {
  withImage('hfs+', (folder, image) => {
    const context = testContext();
    context.progress.cancel();
    try {
      expect(call({ image, out: join(folder, 'n.sparsebundle') }, context)).toMatchObject({
        interrupted: true,
        removable: [],
      });
    } catch (error) {
      expect(error).toBeInstanceOf(CancelledError);
    }
  });
});
