// The rules of a backup, on real folders: what is refused, what is kept, what is left out.

import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TintypeError } from '@tintype/core';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { SummaryEvent } from '../events.js';
import { verify } from '../maintenance/verify.js';
import type { BackupOptions } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { openStack } from '../stack.js';
import { backup } from './backup.js';
import { restore } from './restore.js';

const OLD = 1_000_000_000;

interface Place {
  readonly folder: string;
  readonly source: string;
  readonly image: string;
}

/** A source with two old files and a folder, and its first backup. */
function withBackup(
  body: (place: Place, run: (options?: Partial<BackupOptions>, now?: number) => SummaryEvent) => void,
): void {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    mkdirSync(join(source, 'sub'), { recursive: true });
    for (const name of ['a', 'b', 'sub/c']) put(join(source, name), name);
    const image = join(folder, 'b.sparsebundle');
    const run = (options: Partial<BackupOptions> = {}, now = Date.now() / 1000): SummaryEvent =>
      backup(
        {
          source,
          destination: image,
          fs: 'hfs+',
          ...(readdirSync(folder).includes('b.sparsebundle') ? {} : { size: 64 << 20 }),
          ...options,
        },
        testContext(now),
      );
    run();
    body({ folder, source, image }, run);
  });
}

function put(path: string, content: string): void {
  writeFileSync(path, content);
  utimesSync(path, OLD, OLD);
}

function names(image: string, path: string): string[] {
  const stack = openStack(image, { ...testContext(), writable: false });
  try {
    let item = stack.volume.root;
    for (const name of path.split('/').filter(Boolean)) item = stack.volume.lookup(item.id, name) ?? item;
    return stack.volume
      .list(item.id)
      .map(({ name }) => name)
      .sort();
  } finally {
    stack.abandon();
  }
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as TintypeError).code;
  }
  return 'nothing thrown';
}

test('a second run copies only what changed', () => {
  withBackup(({ source }, run) => {
    expect(run().items).toMatchObject({ created: 0, replaced: 0, removed: 0 });
    put(join(source, 'a'), 'longer than before');
    put(join(source, 'new'), 'n');
    expect(run().items).toMatchObject({ created: 1, replaced: 1, removed: 0 });
  });
});

test('the counts are those of the items below the root', () => {
  withBackup(({ source }, run) => {
    const items = { scanned: 4, created: 0, replaced: 0, updated: 0, removed: 0, unchanged: 4, failed: 0 };
    expect(run().items).toEqual(items);
    expect(run({ dryRun: true }).items).toMatchObject({ scanned: 4, created: 0, replaced: 0, removed: 0 });
    utimesSync(source, OLD, OLD);
    expect(run().items).toEqual(items);
  });
});

test('B26: what a run would overwrite or remove is kept in a dated folder, full paths kept', () => {
  withBackup(({ source, image }, run) => {
    put(join(source, 'sub/c'), 'changed content');
    rmSync(join(source, 'b'));
    run({}, Date.UTC(2026, 0, 2, 3, 4, 5) / 1000);
    expect(names(image, '/_SafetyNet/2026-01-02 03-04-05')).toEqual(['b', 'sub']);
    expect(names(image, '/_SafetyNet/2026-01-02 03-04-05/sub')).toEqual(['c']);
    expect(names(image, '/')).toEqual(['_SafetyNet', 'a', 'sub']);
  });
});

test.each(['image', 'folder'])('B26: a package is kept whole, as it was, in an %s', (kind) => {
  withBackup(({ folder, source, image }, run) => {
    const destination = kind === 'image' ? image : join(folder, 'plain');
    const inside = (name: string) => join(source, 'sub/Some.app/Contents', name);
    mkdirSync(inside('deep'), { recursive: true });
    for (const name of ['one', 'two', 'deep/three']) put(inside(name), name);
    symlinkSync('one', inside('link'));
    run({ destination });
    put(inside('deep/three'), 'a newer three');
    put(inside('added'), 'new');
    rmSync(inside('two'));
    expect(run({ destination }, Date.UTC(2026, 0, 2, 3, 4, 5) / 1000)).toMatchObject({
      items: { created: 1, replaced: 1, removed: 1 },
      problems: [],
    });
    const old = '_SafetyNet/2026-01-02 03-04-05/sub/Some.app/Contents';
    const target = join(folder, `out-${kind}`);
    if (kind === 'image') restore({ image, target, path: '/' }, testContext());
    const kept = kind === 'image' ? join(folder, 'kept') : join(destination, old);
    if (kind === 'image') restore({ image, target: kept, path: `/${old}` }, testContext());
    const live = join(kind === 'image' ? target : destination, 'sub/Some.app/Contents');
    expect(readdirSync(kept, { recursive: true }).sort()).toEqual(['deep', 'deep/three', 'link', 'one', 'two']);
    expect(readdirSync(live, { recursive: true }).sort()).toEqual(['added', 'deep', 'deep/three', 'link', 'one']);
    expect(readFileSync(join(kept, 'deep/three'), 'utf8')).toBe('deep/three');
    expect(readFileSync(join(live, 'deep/three'), 'utf8')).toBe('a newer three');
    expect(run({ destination }).items).toMatchObject({ created: 0, replaced: 0, removed: 0, updated: 0 });
    if (kind === 'image') expect(verify({ image, level: 'data' }, testContext()).problems).toEqual([]);
  });
});

test('B25: SafetyNet of an image that a backup made is pruned after a day, the newest never', () => {
  withBackup(({ source, image }, run) => {
    const start = Date.now() / 1000;
    for (const [day, name] of ['a', 'b'].entries()) {
      rmSync(join(source, name));
      run({}, start + 1000 + day * 1000);
    }
    expect(names(image, '/_SafetyNet')).toHaveLength(3);
    run({}, start + 200_000);
    expect(names(image, '/_SafetyNet')).toHaveLength(2);
  });
});

test('an empty source is a suspicion, not an order', () => {
  withBackup(({ source, image }, run) => {
    for (const name of ['a', 'b', 'sub']) rmSync(join(source, name), { recursive: true });
    expect(codeOf(() => run())).toBe('empty-source');
    run({ allowEmpty: true });
    expect(names(image, '/')).toEqual(['_SafetyNet']);
  });
});

test('the image inside its source is left out', () => {
  withBackup(({ folder }) => {
    const image = join(folder, 'inside.sparsebundle');
    const options = { source: folder, destination: image, fs: 'hfs+', size: 64 << 20 };
    backup(options, testContext());
    expect(backup(options, testContext()).problems).toEqual([]);
    expect(names(image, '/')).not.toContain('inside.sparsebundle');
  });
});

test('a missing parent folder, a Time Machine bundle, another format: refused, nothing made', () => {
  withBackup(({ folder, image }, run) => {
    expect(codeOf(() => run({ destination: join(folder, 'none/x.sparsebundle') }))).toBe('no-parent');
    expect(readdirSync(folder)).not.toContain('none');
    expect(codeOf(() => run({ format: 'udrw' }))).toBe('usage');
    writeFileSync(join(image, 'com.apple.TimeMachine.MachineID.plist'), '');
    expect(codeOf(() => run())).toBe('time-machine');
  });
});

test("a user's other files at the image's root go to SafetyNet, and --no-delete leaves them", () => {
  withBackup(({ folder, image }, run) => {
    const other = join(folder, 'other');
    mkdirSync(other);
    put(join(other, 'x'), 'x');
    run({ source: other, delete: false });
    expect(names(image, '/')).toEqual(['_SafetyNet', 'a', 'b', 'sub', 'x']);
  });
});

test('B46: a plain folder is a destination too', () => {
  withBackup(({ folder, source }, run) => {
    symlinkSync('a', join(source, 'link'));
    const destination = join(folder, 'plain');
    run({ destination });
    expect(readdirSync(destination).sort()).toEqual(['_SafetyNet', 'a', 'b', 'link', 'sub']);
    expect(run({ destination }).items).toMatchObject({ created: 0, replaced: 0, removed: 0 });
  });
});
