// What a check saw: one rule that does not hold, at one place.

/** Something that a check saw: a stable code, the place, and how bad it is. */
export interface Finding {
  /** Stable and short, such as `bitmap-under-allocation`; documented by the format's check. */
  readonly kind: string;
  /** Where: structure, node, block, path, in the words of the format. */
  readonly place: string;
  /** One sentence for people. */
  readonly message: string;
  /** `error`: data or structure is damaged; `warning`: readable, but not as the format demands. */
  readonly severity: 'error' | 'warning';
  /** True if `repair` could mend it without guessing. */
  readonly repairable: boolean;
}

/** A finding with its defaults: an error that `repair` cannot mend. */
export function finding(
  kind: string,
  place: string,
  message: string,
  options: { severity?: Finding['severity']; repairable?: boolean } = {},
): Finding {
  return { kind, place, message, severity: options.severity ?? 'error', repairable: options.repairable ?? false };
}
