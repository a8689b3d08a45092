// A process that opens an image and does what its parent says, one line each; run by `lease-processes.test.ts`.
// Answers each line by `ok`, or by the name of the error.

import { createInterface } from 'node:readline';
import { hostHolder, nodeFileStore } from '@tintype/host';
import { openImage } from '@tintype/image';

const { path, writable, locks, host, heartbeat, waitLock, breakLock } = JSON.parse(process.argv[2] ?? '{}');
const store = nodeFileStore();
const own = hostHolder();
// A share on which locks mean nothing.
const lockless = {
  ...store,
  open: (name, mode) => {
    const file = store.open(name, mode);
    file.lock = () => true;
    return file;
  },
};
let image = null;

const commands = {
  open: () => {
    const holder = { ...own, host: host ?? own.host, heartbeat };
    const told = breakLock ? { breakLock: () => {} } : {};
    const options = { writable, waitLock, holder, allowTimeMachine: false, ...told };
    image = openImage(locks ? store : lockless, path, options);
  },
  write: (position, value) => image.device.write(Number(position), new Uint8Array(4096).fill(Number(value))),
  flush: () => image.device.flush(),
  size: (size) => {
    if (image.device.size !== Number(size)) throw new RangeError(`the disk has ${image.device.size} bytes`);
  },
  resize: (size) => image.resize(Number(size)),
  close: () => image.close(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...values] = line.split(' ');
  try {
    commands[name](...values);
    process.stdout.write('ok\n');
  } catch (error) {
    process.stdout.write(`${error.name}\n`);
  }
}
