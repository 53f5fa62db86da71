import react from '@vitejs/plugin-react';
import { defineConfig, loadEnv } from 'vite';

export default defineConfig(({ command, mode, isPreview }) => {
  // The development server stands in front of a running API; a build is served by the API itself.
  const { PLUMBLINE_API_URL: target } = loadEnv(mode, import.meta.dirname, 'PLUMBLINE_');
  if (command === 'serve' && isPreview !== true && target === undefined) {
    throw new Error(
      'Set PLUMBLINE_API_URL to the address of a running API (`npx plumbline status` shows it).',
    );
  }
  return {
    root: import.meta.dirname,
    base: '/',
    plugins: [react()],
    resolve: { conditions: ['@plumbline/source', 'module', 'browser', 'development|production'] },
    build: {
      outDir: 'dist',
      emptyOutDir: true,
      target: 'es2022',
      sourcemap: true,
      chunkSizeWarningLimit: 700,
    },
    server: { proxy: { '/api': { target }, '/docs': { target } } },
  };
});
