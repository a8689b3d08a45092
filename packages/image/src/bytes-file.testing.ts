// A file in memory that is only read: real and damaged images for tests.

import { AssertionFailure, type StoreFile } from '@tintype/core';

export class BytesFile implements StoreFile {
  readonly path = 'bytes';

  constructor(readonly bytes: Uint8Array) {}

  size(): number {
    return this.bytes.length;
  }
  allocated(_position: number, length: number): number {
    return length;
  }
  read(position: number, target: Uint8Array): number {
    const part = this.bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }
  write(): void {
    throw new AssertionFailure('is only read');
  }
  allocate(): void {
    throw new AssertionFailure('is only read');
  }
  truncate(): void {
    throw new AssertionFailure('is only read');
  }
  punch(): boolean {
    throw new AssertionFailure('is only read');
  }
  lock(): boolean {
    return true;
  }
  sync(): void {}
  close(): void {}
}
