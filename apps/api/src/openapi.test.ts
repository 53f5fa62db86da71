import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
// @ts-expect-error: a script without declarations
import { schemaOf as untyped } from '../../../libs/api-client/scripts/schema-of.mjs';
import { describeUnconnectedApi } from './openapi.js';

const schemaOf = untyped as (document: unknown) => Promise<string>;
const HINT = 'npx tsc -b apps/api && node libs/api-client/scripts/generate.mjs';

function committed(file: string): string {
  return readFileSync(new URL(`../../../libs/api-client/${file}`, import.meta.url), 'utf8');
}

it('is what the committed client was generated from', async () => {
  const document = JSON.parse(JSON.stringify(await describeUnconnectedApi())) as unknown;
  expect(JSON.parse(committed('openapi.json')), HINT).toEqual(document);
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
