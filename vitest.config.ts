import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real child processes per test file: worker threads and signals behave as in production.
    pool: 'forks',
    maxWorkers: 2,
    // One PostgreSQL and one Redis for the whole run.
    globalSetup: ['test/setup/services.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
