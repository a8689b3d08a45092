// A device that cannot be written through this view.

import { AssertionFailure } from '../errors.js';
import { PassingDevice } from './passing.js';

/** Passes reads on and refuses what would change the device below. */
export class ReadOnlyDevice extends PassingDevice {
  override get writable(): boolean {
    return false;
  }
  override write(): void {
    throw new AssertionFailure('a read-only device is not written');
  }
  override zero(): void {
    throw new AssertionFailure('a read-only device is not written');
  }
  override discard(): void {
    throw new AssertionFailure('a read-only device is not written');
  }
  override flush(): void {}
}
