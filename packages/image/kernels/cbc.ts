// CBC's chaining over many chunks at once, in AssemblyScript with vectors of 16 bytes. Block b of every chunk stands in a column,
// which AES (of the host, not here) encrypts in one go; this exchanges one column for the next. `scripts/kernels.mjs` compiles it.

/** Where the static data ends. */
export function start(): usize {
  return (__heap_base + 63) & ~63;
}

/** True if there are so many bytes of memory. */
export function reserve(bytes: usize): bool {
  const pages = <i32>((bytes + 0xffff) >>> 16);
  const have = memory.size();
  return pages <= have || memory.grow(pages - have) >= 0;
}

/**
 * From the encrypted blocks before (or the initialisation vectors, for `block` 0) to the column of `block`: encrypted blocks go
 * to their place in `chunks`, and the next clear ones are chained to them. `size`: bytes of a chunk.
 */
export function chain(column: usize, chunks: usize, count: i32, size: i32, block: i32): void {
  let at = chunks + <usize>(block << 4);
  const end = column + <usize>(count << 4);
  if (block === 0)
    for (let place = column; place < end; place += 16, at += size)
      v128.store(place, v128.xor(v128.load(place), v128.load(at)));
  else
    for (let place = column; place < end; place += 16, at += size) {
      const done = v128.load(place);
      v128.store(at - 16, done);
      v128.store(place, v128.xor(done, v128.load(at)));
    }
}

/** The last column goes to its place. */
export function finish(column: usize, chunks: usize, count: i32, size: i32): void {
  let at = chunks + <usize>(size - 16);
  const end = column + <usize>(count << 4);
  for (let place = column; place < end; place += 16, at += size) v128.store(at, v128.load(place));
}
