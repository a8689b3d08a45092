import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryStore, withFolder } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { memoryContext } from '../maintenance/waste.testing.js';
import { backup } from './backup.js';

test('B45: a source that holds an operating system is told of, once', () => {
  withFolder((source) => {
    const events: EngineEvent[] = [];
    const context = memoryContext(new MemoryStore(), events);
    const run = () => backup({ source, destination: '/a.sparsebundle', size: 16 << 20 }, context);
    const notices = () => events.filter((event) => event.type === 'warning' && event.code === 'system-source').length;
    for (const folder of ['etc', 'usr', 'var']) mkdirSync(join(source, folder));
    run();
    expect(notices()).toBe(0);
    writeFileSync(join(source, 'etc/os-release'), '');
    mkdirSync(join(source, 'usr/bin'));
    mkdirSync(join(source, 'var/lib'));
    run();
    expect(notices()).toBe(1);
  });
});
