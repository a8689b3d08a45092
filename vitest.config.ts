import { defineConfig } from 'vitest/config';

// Packages are tested from their built form (`dist`), the form that users run; `npm test` therefore builds first.
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/src/**/*.fuzz.ts'],
    reporters: ['default', './scripts/count-reporter.mjs'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
  },
});
