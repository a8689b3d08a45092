import { Progress } from '@tintype/core';
import { MemoryVolume, plainAttributes } from '@tintype/testkit';
import { expect, test } from 'vitest';
import type { EngineEvent } from '../events.js';
import { Report } from '../tree/report.js';
import { RestoreView } from './restore-view.js';

test('each item that something is not kept of counts once, however often its folder is listed', () => {
  const volume = new MemoryVolume({});
  const folder = volume.root.id;
  const file = { ...plainAttributes, kind: 'file', size: 0, target: '', rdevMajor: 0, rdevMinor: 0 } as const;
  const [id] = volume.create(folder, [
    { ...file, name: 'a', mode: 0o4755 },
    { ...file, name: 'b' },
  ]);
  volume.setXattr(id as number, 'security.x', new Uint8Array(1));
  const events: EngineEvent[] = [];
  const report = new Report((event) => events.push(event), new Progress());
  const rights = { isRoot: false, uid: 1, gid: 1, isTrusted: true };
  const view = new RestoreView(volume, { mayLoop: false }, rights, report);
  for (let i = 0; i < 3; i += 1) {
    expect(view.list(folder).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(view.xattrs(id as number)).toEqual([]);
  }
  report.close();
  expect(events.map((event) => ('message' in event ? [event.message, event.count] : event))).toEqual([
    ['owner not kept on 2 items, such as a', 2],
    ['setuid or setgid bit not kept on one item, such as a', 1],
    ['security attribute not kept on one item, such as security.x', 1],
  ]);
});
