/*
 * Writes openapi.json and src/schema.ts from the built API (`npx tsc -b apps/api` first). Both are committed; a test
 * says when they are out of date.
 */
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { schemaOf } from './schema-of.mjs';

const document = fileURLToPath(new URL('../openapi.json', import.meta.url));
const schema = fileURLToPath(new URL('../src/schema.ts', import.meta.url));
const program = fileURLToPath(new URL('../../../apps/api/dist/write-openapi.js', import.meta.url));

const { status } = spawnSync(process.execPath, [program, document], { stdio: 'inherit' });
if (status !== 0) process.exit(1);
await writeFile(schema, await schemaOf(JSON.parse(await readFile(document, 'utf8'))));
