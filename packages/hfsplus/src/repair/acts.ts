// What a repair did, as sentences: each kind of act once, with how often and where first.

export class Acts {
  readonly #done = new Map<string, { count: number; readonly first: string }>();

  /** How often something was noted. */
  total = 0;

  /** `what` is a sentence in the past tense without its full stop; `place` says where. */
  note(what: string, place = ''): void {
    this.total += 1;
    const known = this.#done.get(what);
    if (known) known.count += 1;
    else this.#done.set(what, { count: 1, first: place });
  }

  sentences(): string[] {
    return [...this.#done].map(([what, { count, first }]) => {
      const where = first === '' ? '' : count > 1 ? ` (${count} times, first: ${first})` : ` (${first})`;
      return `${what}${where}`;
    });
  }
}
