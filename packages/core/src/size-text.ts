// Sizes and counts as people read them.

/** Bytes in decimal units, of three digits or as many as are given: `1.31 GB`; below 1000 whole: `512 bytes`. */
export function showSize(bytes: number, digits = 3): string {
  if (bytes < 1000) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  let value = bytes / 1000;
  for (const unit of ['kB', 'MB', 'GB']) {
    // What would be rounded to 1000 belongs to the next unit.
    if (Number(value.toPrecision(digits)) < 1000) return `${value.toPrecision(digits)} ${unit}`;
    value /= 1000;
  }
  return `${value < 1000 ? value.toPrecision(digits) : Math.round(value)} TB`;
}

/** Two sizes that a sentence sets against each other, with as many digits as it takes to tell them apart. */
export function showSizes(a: number, b: number): readonly [string, string] {
  let texts = [showSize(a), showSize(b)] as const;
  for (let digits = 6; texts[0] === texts[1] && a !== b && digits <= 15; digits += 3)
    texts = [showSize(a, digits), showSize(b, digits)];
  return texts;
}

/** `1 file`, `3 files`: for words that take an s. */
export function showCount(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
