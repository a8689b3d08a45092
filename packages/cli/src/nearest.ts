// What was probably meant by a word that is not known.

/** Letters that may be wrong, missing or too many. */
const TOLERANCE = 2;

/** The candidate that needs the fewest changes to become the word; null if none is close. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let least = TOLERANCE + 1;
  for (const candidate of candidates) {
    const changes = distance(word, candidate);
    if (changes < least && changes < candidate.length) {
      best = candidate;
      least = changes;
    }
  }
  return best;
}

/** Letters to insert, delete, replace, or exchange with their neighbour. */
export function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
