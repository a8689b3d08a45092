import { dirname } from 'node:path';
import { RefusedError } from '@tintype/core';
import { hostContext, type PathProbe, probePath } from '@tintype/engine';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { jsonText } from '../output/json-text.js';
import { showSize } from '../quantities.js';
import { line } from '../terminal.js';

export const run: CommandBody = (parsed, io) => {
  const [path = ''] = parsed.operands;
  const probe = probePath(folderOf(path));
  if (io.json) line(jsonText({ path, ...probe }));
  else for (const row of rows(probe)) line(row);
  return EXIT.done;
};

/** Of an image in one file, the folder that it lies in. @throws RefusedError */
function folderOf(path: string): string {
  const kind = hostContext().store.kind(path);
  if (kind === null) throw new RefusedError('no-source', `there is nothing at ${path}`, { path });
  return kind === 'file' ? dirname(path) : path;
}

function* rows(probe: PathProbe): Generator<string> {
  const yes = (value: boolean | null) => (value === null ? 'could not be told' : value ? 'yes' : 'no');
  yield `file system:               ${probe.kind}${probe.isNetwork ? ', across a network' : ''}`;
  yield `free:                      ${showSize(probe.free)} of ${showSize(probe.capacity)}`;
  yield `fsync honoured:            ${yes(probe.syncHonoured)}`;
  yield `rename over a file atomic: ${yes(probe.renameReplaces)}`;
  yield `lock held against others:  ${yes(probe.lockHolds)}`;
  yield `largest file:              ${probe.largestFile === null ? 'no limit known' : showSize(probe.largestFile)}`;
  yield `hole punching:             ${yes(probe.punches)}`;
  yield `write rate:                ${probe.writeRate === null ? 'not measured' : `${showSize(Math.round(probe.writeRate))}/s`}`;
}
