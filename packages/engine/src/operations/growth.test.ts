import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VolumeFullError } from '@tintype/core';
import { MemoryStore, withFolder } from '@tintype/testkit';
import { describe, expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { memoryContext, PASSPHRASE } from '../maintenance/waste.testing.js';
import { openStack } from '../stack.js';
import { backup } from './backup.js';

const MIB = 1 << 20;
const IMAGE = '/b.sparsebundle';

/** Twenty files of 2 MiB for an image of 16 MiB. */
function filled(folder: string): void {
  for (let i = 0; i < 20; i += 1) writeFileSync(join(folder, `file-${i}`), Buffer.alloc(2 * MIB, i + 1));
}

describe.each(['hfs+', 'apfs'])('a backup to %s that finds the volume full', (fs) => {
  const options = { destination: IMAGE, fs, size: 16 * MIB, bandSize: MIB };
  test('B16 grows it while the host has room, says so, and ends with everything', () => {
    withFolder((source) => {
      filled(source);
      const store = new MemoryStore();
      const events: EngineEvent[] = [];
      const context = memoryContext(store, events);
      const summary = backup({ ...options, source }, context);
      expect(summary).toMatchObject({ problems: [], grown: { before: 16 * MIB, after: 80 * MIB } });
      expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'grown' }));
      const stack = openStack(IMAGE, { ...context, writable: false });
      const { volume } = stack;
      const files = volume.list(volume.root.id).filter(({ name }) => name.startsWith('file-'));
      expect(files.map(({ size }) => size)).toEqual(Array(20).fill(2 * MIB));
      stack.abandon();
    });
  });
  test('B16 grows it once, by all that the run still needs', () => {
    withFolder((source) => {
      for (let i = 0; i < 6; i += 1) {
        writeFileSync(join(source, `file-${i}`), Buffer.alloc(MIB, i + 1));
        truncateSync(join(source, `file-${i}`), 31 * MIB);
      }
      writeFileSync(join(source, 'last'), Buffer.alloc(40 * MIB, 1));
      const events: EngineEvent[] = [];
      const summary = backup({ ...options, source }, memoryContext(new MemoryStore(), events));
      expect(summary).toMatchObject({ problems: [], items: { created: 7, failed: 0 } });
      expect(events.filter((event) => event.type === 'warning' && event.code === 'grown')).toHaveLength(1);
    });
  });
  test('B16 grows an encrypted one too', () => {
    withFolder((source) => {
      filled(source);
      const store = new MemoryStore();
      const context = memoryContext(store);
      const encryption = { encryption: 'aes-256', passphrase: PASSPHRASE, kdfRounds: 1 };
      const summary = backup({ ...options, ...encryption, destination: '/b.sparseimage', source }, context);
      expect(summary).toMatchObject({ problems: [], grown: { before: 16 * MIB, after: 80 * MIB } });
      const stack = openStack('/b.sparseimage', { ...context, writable: false, passphrase: PASSPHRASE });
      const { volume } = stack;
      expect(volume.list(volume.root.id).filter(({ size }) => size === 2 * MIB)).toHaveLength(20);
      stack.abandon();
    });
  });
  test('B16 not if told so, nor past what the host has free', () => {
    withFolder((source) => {
      filled(source);
      const store = new MemoryStore();
      const events: EngineEvent[] = [];
      expect(() => backup({ ...options, source, grow: 'never' }, memoryContext(store, events))).toThrow(
        VolumeFullError,
      );
      expect(events.filter((event) => event.type === 'warning' && event.code === 'grown')).toEqual([]);
      const scarce = new MemoryStore({ limits: { capacity: 30 * MIB } });
      expect(() => backup({ ...options, source }, memoryContext(scarce))).toThrow(VolumeFullError);
    });
  });
});
