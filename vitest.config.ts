import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Packages are tested from their built form (`dist`), the form that users run; `npm test` therefore builds first.
// The full counts take their time.
const timeout = process.env.TINTYPE_TEST_FULL ? 3_600_000 : 120_000;

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/src/**/*.fuzz.ts'],
    reporters: ['default', './scripts/count-reporter.mjs'],
    testTimeout: timeout,
    hookTimeout: timeout,
    pool: 'forks',
    // Many tests wait for programs that they started: even on two cores two files at once are faster.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
