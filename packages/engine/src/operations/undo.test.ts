// Taking back a run, on real folders and images: what comes back, what stays, what is refused.

import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ItemId, TintypeError, WritableVolume } from '@tintype/core';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { SummaryEvent } from '../events.js';
import type { BackupOptions, UndoOptions } from '../operation.js';
import { testContext } from '../run-context.testing.js';
import { openStack } from '../stack.js';
import { findItem } from '../tree/find-item.js';
import { backup } from './backup.js';
import { list } from './browse.js';
import { folderSide } from './sides.js';
import { undo } from './undo.js';

const OLD = 1_000_000_000;

interface Place {
  readonly source: string;
  readonly image: string;
  run(options?: Partial<BackupOptions>): SummaryEvent;
  undo(options?: Partial<UndoOptions>): SummaryEvent;
  /** Paths outside SafetyNet, files with their content. */
  tree(): string[];
}

/** Where what a run takes away is kept. */
const nets: [string, Partial<BackupOptions>][] = [
  ['a folder on HFS+', { fs: 'hfs+' }],
  ['a folder on APFS', { fs: 'apfs' }],
  ['a snapshot', { fs: 'apfs', snapshots: 'always' }],
];

function withPlace(body: (place: Place) => void, net: Partial<BackupOptions> = { fs: 'hfs+' }): void {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 'source');
    const image = join(folder, 'b.sparsebundle');
    mkdirSync(source);
    // Runs are a minute apart: their records are told apart by time.
    let now = 1_800_000_000;
    const context = () => {
      now += 60;
      return testContext(now);
    };
    body({
      source,
      image,
      run: (options = {}) =>
        backup(
          { source, destination: image, ...net, size: now === 1_800_000_000 ? 64 << 20 : undefined, ...options },
          context(),
        ),
      undo: (options = {}) => undo({ image, ...options }, context()),
      tree: () => treeOf(image),
    });
  });
}

function treeOf(image: string): string[] {
  const stack = openStack(image, { ...testContext(), writable: false });
  try {
    const lines: string[] = [];
    for (const { path, item } of list(stack.volume, '/', true)) {
      if (path.startsWith('/_SafetyNet')) continue;
      const bytes = Buffer.alloc(item.kind === 'file' ? item.size : 0);
      stack.volume.read(item.id, 0, bytes);
      lines.push(item.kind === 'file' ? `${path}=${bytes}` : path);
    }
    return lines.sort();
  } finally {
    stack.abandon();
  }
}

function put(path: string, content: string, time = OLD): void {
  writeFileSync(path, content);
  utimesSync(path, time, time);
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as TintypeError).code;
  }
  return 'nothing thrown';
}

/** New, changed, removed, replaced by another kind, a new tree. */
function changeAll(source: string): void {
  put(join(source, 'new'), 'new');
  put(join(source, 'changed'), 'after', OLD + 100);
  rmSync(join(source, 'gone'));
  rmSync(join(source, 'kind'));
  mkdirSync(join(source, 'kind/deep'), { recursive: true });
  put(join(source, 'kind/deep/file'), 'deep');
  symlinkSync('new', join(source, 'link'));
  rmSync(join(source, 'folder'), { recursive: true });
}

function fill(source: string): void {
  for (const name of ['changed', 'gone', 'kind', 'same']) put(join(source, name), `${name} before`);
  mkdirSync(join(source, 'folder/below'), { recursive: true });
  put(join(source, 'folder/below/file'), 'kept');
}

test.each(nets)('B26: with %s the tree is as before the run, and nothing is lost', (_, net) =>
  withPlace(({ source, run, undo: back, tree }) => {
    fill(source);
    run();
    const before = tree();
    changeAll(source);
    run();
    const after = tree();
    expect(after).not.toEqual(before);
    expect(back()).toMatchObject({ interrupted: false, problems: [] });
    expect(tree()).toEqual(before);
    // The next run does it all again.
    run();
    expect(tree()).toEqual(after);
  }, net),
);

test.each(nets)('with %s, attributes come back too: those of files, folders, and the root', (_, net) =>
  withPlace(({ source, image, run, undo: back }) => {
    const attributes = () => {
      const stack = openStack(image, { ...testContext(), writable: false });
      const all = [...list(stack.volume, '/', true), { path: '/', item: stack.volume.root }];
      const lines = all
        .filter(({ path }) => !path.startsWith('/_SafetyNet'))
        .map(({ path, item: { mode, uid, gid, flags, mtime, mtimeNanos, id } }) => {
          const xattrs = stack.volume.xattrs(id).map(({ name }) => [name, stack.volume.xattr(id, name)?.toString()]);
          return JSON.stringify([path, { mode, uid, gid, flags, mtime, mtimeNanos }, xattrs]);
        });
      stack.abandon();
      return lines.sort();
    };
    const setXattrs = (volume: WritableVolume, id: ItemId, values: Readonly<Record<string, string | null>>) => {
      for (const [name, value] of Object.entries(values))
        volume.setXattr(id, name, value === null ? null : Buffer.from(value));
    };
    const change = (path: string, values: Readonly<Record<string, string | null>>) => {
      const side = folderSide(source, true);
      const item = findItem(side.volume, path);
      if (item) setXattrs(side.volume, item.id, values);
      side.close();
    };
    fill(source);
    change('same', { changed: 'one', removed: 'two' });
    run();
    const before = attributes();
    chmodSync(join(source, 'same'), 0o640);
    chmodSync(join(source, 'folder'), 0o700);
    chmodSync(source, 0o750);
    utimesSync(join(source, 'folder/below'), OLD + 5, OLD + 5);
    change('same', { changed: 'other', removed: null, added: 'three' });
    changeAll(source);
    mkdirSync(join(source, 'folder'));
    run();
    const after = attributes();
    expect(after).not.toEqual(before);
    expect(back()).toMatchObject({ problems: [] });
    expect(attributes()).toEqual(before);
    run();
    expect(attributes()).toEqual(after);
  }, net),
);

test.each(nets)('with %s one undo after another goes back run by run', (_, net) =>
  withPlace(({ source, run, undo: back, tree }) => {
    put(join(source, 'a'), 'one');
    run();
    const states = [tree()];
    for (const [i, word] of ['two', 'three'].entries()) {
      put(join(source, 'a'), word, OLD + 10 * (i + 1));
      put(join(source, `b-${word}`), word);
      run();
      states.push(tree());
    }
    back();
    expect(tree()).toEqual(states[1]);
    back();
    expect(tree()).toEqual(states[0]);
    back();
    expect(tree()).toEqual([]);
    expect(codeOf(back)).toBe('nothing-to-undo');
  }, net),
);

test.each(nets)('with %s an undo that was interrupted is completed by the next one', (_, net) =>
  withPlace(({ source, image, run, undo: back, tree }) => {
    fill(source);
    run();
    const before = tree();
    changeAll(source);
    run();
    for (let steps = 1; steps < 6; steps += 1) {
      const context = testContext(1_900_000_000 + steps);
      const { add } = context.progress;
      let left = steps;
      context.progress.add = (name, amount) => {
        add.call(context.progress, name, amount);
        left -= 1;
        if (left === 0) context.progress.cancel();
      };
      expect(undo({ image }, context)).toMatchObject({ interrupted: true });
    }
    expect(back().interrupted).toBe(false);
    expect(tree()).toEqual(before);
  }, net),
);

test('what came later stays, and is told', () =>
  withPlace(({ source, image, run, undo: back, tree }) => {
    put(join(source, 'a'), 'a');
    run();
    mkdirSync(join(source, 'made'));
    put(join(source, 'made/file'), 'x');
    rmSync(join(source, 'a'));
    run();
    const stack = openStack(image, { ...testContext(), writable: true });
    const { volume } = stack;
    const made = volume.lookup(volume.root.id, 'made');
    const file = volume.lookup(made?.id ?? 0, 'file');
    for (const [folder, name] of [
      [made?.id ?? 0, 'mine'],
      [volume.root.id, 'a'],
    ] as const)
      volume.create(folder, [
        { ...file, name, kind: 'file', size: 0, target: '' } as Parameters<typeof volume.create>[1][0],
      ]);
    stack.close();
    const codes = [...back().problems].map(({ code }) => code).sort();
    expect(codes).toEqual(['in-the-way', 'not-empty']);
    expect(tree()).toEqual(['/a=', '/made', '/made/mine=']);
  }));

test('without what it needs from SafetyNet a run is not taken back at all', () =>
  withPlace(({ source, run, undo: back, tree }) => {
    fill(source);
    run();
    changeAll(source);
    run({ safetyNet: false });
    const after = tree();
    expect(codeOf(back)).toBe('safetynet-gone');
    expect(tree()).toEqual(after);
  }));

test('an image without a run', () =>
  withPlace(({ source, image, run, undo: back }) => {
    put(join(source, 'a'), 'a');
    run();
    back();
    expect(codeOf(back)).toBe('nothing-to-undo');
    expect(() => back({ image: `${image}-other` })).toThrow();
  }));

test.each(['hfs+', 'apfs'])('of a folder in SafetyNet from which all came back nothing stays, on %s', (fs) =>
  withPlace(
    ({ source, image, run, undo }) => {
      fill(source);
      run();
      changeAll(source);
      run();
      const safetynet = () => {
        const stack = openStack(image, { ...testContext(), writable: false });
        const folder = findItem(stack.volume, '/_SafetyNet');
        const names = folder ? stack.volume.list(folder.id).map(({ name }) => name) : [];
        stack.abandon();
        return names.filter((name) => !name.startsWith('.'));
      };
      expect(safetynet()).toHaveLength(1);
      const [before] = safetynet();
      undo();
      expect(safetynet()).toHaveLength(1);
      expect(safetynet()).not.toContain(before);
    },
    { fs },
  ),
);
