#!/usr/bin/env node
import { existsSync } from 'node:fs';

const program = new URL('../apps/cli/dist/main.js', import.meta.url);
if (existsSync(program)) {
  await import(program.href);
} else {
  console.error('plumbline is not built yet; run `npm run bootstrap && npm run build` in the checkout');
  process.exitCode = 1;
}
