// What the check allows itself on hostile containers.

export const LIMITS = {
  /** Findings of one check; more are only counted. */
  findings: 1000,
  /** Findings of one kind. */
  findingsPerKind: 200,
} as const;
