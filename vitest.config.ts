import swc from 'unplugin-swc';
import { defineConfig, type Plugin, type TestProjectInlineConfiguration } from 'vitest/config';

/**
 * Four kinds of tests, told apart by file name:
 * - unit: `*.test.ts(x)` beside the code, and the tools' `*.test.mjs`;
 * - integration: `*.integration.test.ts`, against a real Postgres, Temporal or child process;
 * - workflows: everything under workflows/, against a real Temporal server and the committed histories;
 * - browser: `*.browser.test.ts`, driving Chromium.
 */
const TESTS = ['{libs,apps,migrations,e2e}/**/*.test.{ts,tsx}', 'tools/**/*.test.mjs'];
const INTEGRATION = '**/*.integration.test.{ts,mjs}';
const BROWSER = '**/*.browser.test.ts';
const NEVER = ['**/node_modules/**', '**/dist/**', '**/.plumbline/**'];

/** Workspace packages offer their sources under this condition, so that tests need no build. */
const conditions = ['@plumbline/source', 'module', 'node', 'development|production'];

/** NestJS and TypeORM read constructor and column types from decorator metadata, which only swc emits here. */
const decorators = swc.vite({
  include: ['**/*.ts'],
  exclude: ['**/node_modules/**'],
  tsconfigFile: false,
  sourceMaps: true,
  module: { type: 'es6' },
  jsc: {
    target: 'es2022',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
  },
}) as Plugin;

function project(
  name: string,
  test: TestProjectInlineConfiguration['test'] & { include: string[] },
): TestProjectInlineConfiguration {
  return {
    plugins: [decorators],
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: conditions } },
    test: { name, pool: 'forks', ...test, exclude: [...NEVER, ...(test.exclude ?? [])] },
  };
}

export default defineConfig({
  test: {
    // Two cores must carry the tests and the databases that some of them start.
    maxWorkers: 2,
    reporters: ['default'],
    projects: [
      project('unit', {
        include: TESTS,
        exclude: [INTEGRATION, BROWSER],
        testTimeout: 30_000,
        hookTimeout: 30_000,
      }),
      project('integration', {
        include: TESTS.map((pattern) => pattern.replace('.test.', '.integration.test.')),
        // Whole runs, on machines that may have better things to do.
        testTimeout: 600_000,
        hookTimeout: 600_000,
      }),
      project('workflows', {
        include: ['workflows/**/*.test.ts'],
        testTimeout: 180_000,
        hookTimeout: 180_000,
      }),
      project('browser', {
        include: ['{libs,apps,e2e}/**/*.browser.test.ts'],
        testTimeout: 300_000,
        hookTimeout: 300_000,
        fileParallelism: false,
      }),
    ],
  },
});
