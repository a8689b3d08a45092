// A device whose barriers look at the lease. All other calls are fenced where they meet the host: see `fenced-store`.

import { type BlockDevice, PassingDevice } from '@tintype/core';
import type { Lease } from './lease.js';

export class FencedDevice extends PassingDevice {
  readonly #lease: Lease;

  constructor(below: BlockDevice, lease: Lease) {
    super(below);
    this.#lease = lease;
  }
  override flush(): void {
    this.#lease.requireHeld();
    super.flush();
  }
}
