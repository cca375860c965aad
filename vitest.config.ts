import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real child processes per test file: worker threads and signals behave as in production.
    pool: 'forks',
    // More than cores: many tests wait for processes that were killed or paused.
    maxWorkers: 3,
    // One PostgreSQL and one Redis for the whole run.
    globalSetup: ['test/setup/services.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
