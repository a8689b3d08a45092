// The changing half of a volume that is only read: every call refuses.

import { UnsupportedError } from './errors.js';
import type { AttributeChange, ItemId, NewItem } from './volume.js';

/** A tree that can be read: a volume, a snapshot, a filtered view. */
export abstract class ReadOnlyVolume {
  /** Why it is not written, for the message. */
  protected readonly reason: string = 'the volume is only read';

  create(_folder: ItemId, _items: readonly NewItem[]): ItemId[] {
    return this.#refuse();
  }
  link(_folder: ItemId, _name: string, _id: ItemId): void {
    this.#refuse();
  }
  remove(_folder: ItemId, _name: string): void {
    this.#refuse();
  }
  rename(_folder: ItemId, _name: string, _toFolder: ItemId, _toName: string): void {
    this.#refuse();
  }
  setAttributes(_id: ItemId, _change: AttributeChange): void {
    this.#refuse();
  }
  write(_id: ItemId, _position: number, _source: Uint8Array): void {
    this.#refuse();
  }
  truncate(_id: ItemId, _size: number): void {
    this.#refuse();
  }
  setXattr(_id: ItemId, _name: string, _value: Uint8Array | null): void {
    this.#refuse();
  }
  clone(_folder: ItemId, _name: string, _id: ItemId): ItemId {
    return this.#refuse();
  }

  #refuse(): never {
    throw new UnsupportedError(this.reason);
  }
}
