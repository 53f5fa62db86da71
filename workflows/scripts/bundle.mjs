// Bundles the compiled workflow code once, at build time, so that a worker starts in a second and every worker of a
// build runs the same bytes. Usage: node workflows/scripts/bundle.mjs
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../dist/index.js', import.meta.url)),
  logger: {
    log() {},
    trace() {},
    debug() {},
    info() {},
    warn: (message) => console.error(message),
    error: (message) => console.error(message),
  },
});
await writeFile(new URL('../dist/bundle.js', import.meta.url), code);
