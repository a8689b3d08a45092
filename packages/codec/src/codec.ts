// What a compression of disk images is to those who use it: both ways, whole chunks at a time.

/** A coding of byte strings, both ways. The same bytes always give the same stream. */
export interface Codec {
  /** As messages name it. */
  readonly name: string;
  /**
   * Decodes a whole stream into `target`, which it must fill exactly. Bytes behind the stream are ignored. Never writes
   * outside `target`, never allocates by what the stream says. @throws CorruptError
   */
  decode(source: Uint8Array, target: Uint8Array): void;
  /**
   * A whole stream that decodes to `source`, in bytes of its own; it may be longer than `source`. The same input gives
   * the same bytes. `level` is 1 (fast) to 9 (small); codecs that have none ignore it.
   */
  encode(source: Uint8Array, level?: number): Uint8Array;
}
