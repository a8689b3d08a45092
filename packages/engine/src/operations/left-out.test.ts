// Names at a source's root that mean something to a file system or to a backup: a user's files are backed up, or it is said.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { verify } from '../maintenance/verify.js';
import { testContext } from '../run-context.testing.js';
import { backup } from './backup.js';
import { diff } from './diff.js';
import { restore } from './restore.js';

const OWN = ['.file', '.journal', '.journal_info_block', '.vol'];

test.each(['hfs+', 'apfs', 'a folder'] as const)('to %s: what only Apple’s file systems have comes along', (fs) => {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const [source, target] = [join(folder, 's'), join(folder, 't')];
    mkdirSync(source);
    for (const name of OWN) writeFileSync(join(source, name), name);
    const destination = join(folder, fs === 'a folder' ? 'copy' : 'b.sparsebundle');
    if (fs === 'a folder') mkdirSync(destination);
    const given = { source, destination, ...(fs === 'a folder' ? {} : { fs, size: 64 << 20 }) };
    const events: EngineEvent[] = [];
    expect(backup(given, testContext(undefined, events)).items).toMatchObject({ created: OWN.length });
    expect(events.filter((event) => event.type === 'warning' && event.code === 'left-out')).toEqual([]);
    expect(diff({ a: source, b: destination }, testContext())).toMatchObject({ differences: 0 });
    expect(backup(given, testContext()).items).toMatchObject({ scanned: OWN.length, created: 0, removed: 0 });
    if (fs === 'a folder') return;
    expect(verify({ image: destination, level: 'data' }, testContext())).toMatchObject({ findings: 0 });
    restore({ image: destination, target }, testContext());
    expect(readdirSync(target).sort()).toEqual(OWN);
    for (const name of OWN) expect(readFileSync(join(target, name), 'utf8')).toBe(name);
  });
});

test('what is left out for its name is said once', () => {
  withFolder((folder) => {
    process.env.TINTYPE_HOME = join(folder, 'home');
    const source = join(folder, 's');
    for (const path of ['_SafetyNet', 'below/_SafetyNet']) mkdirSync(join(source, path), { recursive: true });
    writeFileSync(join(source, '.apdisk'), 'mine');
    const events: EngineEvent[] = [];
    backup({ source, destination: join(folder, 'b.sparsebundle'), size: 64 << 20 }, testContext(undefined, events));
    const told = events.filter((event) => event.type === 'warning' && event.code === 'left-out');
    const message = 'not backed up, as macOS or a backup has these names for its own: .apdisk, _SafetyNet';
    expect(told).toEqual([{ type: 'warning', code: 'left-out', message, count: 2 }]);
  });
});
