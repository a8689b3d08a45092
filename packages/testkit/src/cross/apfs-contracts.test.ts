// The APFS driver keeps the contracts, on plain disks, with both kinds of names.

import { apfs } from '@tintype/apfs';
import { contractFormat, contractMount, driverContract } from '../contracts/driver.js';
import { volumeContract } from '../contracts/volume.js';
import { SparseDevice } from '../sparse-device.js';

const MiB = 1 << 20;
const specialXattrs = ['com.apple.ResourceFork'];

driverContract('APFS', apfs, {
  sizes: [64 * MiB, MiB, 2 * MiB, 10 * MiB + 512, 1000 * MiB, 40_000 * MiB, 3_000_000 * MiB, 16e12],
  refused: [4096],
  specialXattrs,
});
driverContract('APFS with case', apfs, {
  sizes: [64 * MiB],
  format: { caseSensitive: true },
  specialXattrs,
});

for (const caseSensitive of [false, true]) {
  volumeContract(
    caseSensitive ? 'APFS with case' : 'APFS',
    () => {
      const device = new SparseDevice(256 * MiB);
      apfs.format(device, { ...contractFormat, caseSensitive });
      const open = (): ReturnType<typeof apfs.open> => apfs.open(device, contractMount('writable'));
      return { fileSystem: open(), reopen: open };
    },
    { specialXattrs },
  );
}
