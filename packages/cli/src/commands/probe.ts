import { hostContext } from '@tintype/engine';
import type { CommandBody } from '../command.js';
import { EXIT } from '../exit-status.js';
import { showSize } from '../quantities.js';
import { line } from '../terminal.js';

export const run: CommandBody = (parsed, io) => {
  const [path = ''] = parsed.operands;
  const { kind, free, capacity, fileSizeLimit, canPunch, isNetwork } = hostContext().store.facts(path);
  const facts = { path, fileSystem: kind, free, capacity, fileSizeLimit, canPunch, isNetwork };
  if (io.json) line(JSON.stringify(facts));
  else {
    line(`file system:   ${kind}${isNetwork ? ', across a network' : ''}`);
    line(`free:          ${showSize(free)} of ${showSize(capacity)}`);
    line(`largest file:  ${fileSizeLimit === null ? 'no limit known' : showSize(fileSizeLimit)}`);
    line(`hole punching: ${canPunch ? 'yes' : 'no'}`);
  }
  return EXIT.done;
};
