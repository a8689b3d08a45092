// Counts what passes: for summaries and benchmarks.

import { PassingDevice } from './passing.js';

/** Counts the calls and bytes that pass through it. */
export class CountingDevice extends PassingDevice {
  /** Bytes handed to `read` and to `write`, and calls of `flush`. */
  bytesRead = 0;
  bytesWritten = 0;
  flushes = 0;

  override read(position: number, target: Uint8Array): void {
    this.bytesRead += target.length;
    super.read(position, target);
  }
  override write(position: number, source: Uint8Array): void {
    this.bytesWritten += source.length;
    super.write(position, source);
  }
  override flush(): void {
    this.flushes += 1;
    super.flush();
  }
}
