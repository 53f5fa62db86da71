import { fileURLToPath } from 'node:url';
import type { BundleOptions } from '@temporalio/worker';

/** Tests bundle the sources; the product bundles what was compiled from them. */
export const sourceBundleOptions: BundleOptions = {
  workflowsPath: fileURLToPath(new URL('../src/index.ts', import.meta.url)),
  webpackConfigHook: (config) => ({
    ...config,
    resolve: {
      ...config.resolve,
      conditionNames: ['@plumbline/source', '...'],
      extensionAlias: { '.js': ['.ts', '.js'] },
    },
  }),
};
