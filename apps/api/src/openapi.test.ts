import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeUnconnectedApi } from './openapi.js';

/** The script that generates the client; it is no part of the client's package. */
const SCHEMA_OF = new URL('../../../libs/api-client/scripts/schema-of.mjs', import.meta.url).href;
const HINT = 'npx tsc -b apps/api && node libs/api-client/scripts/generate.mjs';

function committed(file: string): string {
  return readFileSync(new URL(`../../../libs/api-client/${file}`, import.meta.url), 'utf8');
}

it('is what the committed client was generated from', async () => {
  const document = JSON.parse(JSON.stringify(await describeUnconnectedApi())) as unknown;
  expect(JSON.parse(committed('openapi.json')), HINT).toEqual(document);
  const { schemaOf } = (await import(SCHEMA_OF)) as { schemaOf: (document: unknown) => Promise<string> };
  expect(committed('src/schema.ts') === (await schemaOf(document)), HINT).toBe(true);
});

it('says of every route what it answers and what problems it may have', async () => {
  const { paths } = await describeUnconnectedApi();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations as Record<string, { responses: object }>)) {
      const statuses = Object.keys(operation.responses).map(Number);
      expect(
        statuses.some((status) => status < 300),
        `${method} ${path}`,
      ).toBe(true);
      expect(
        statuses.some((status) => status >= 400),
        `${method} ${path}`,
      ).toBe(true);
    }
  }
});
