import openapiTypescript, { astToString } from 'openapi-typescript';

const HEADER = '/* Generated from openapi.json by scripts/generate.mjs; do not edit. */\n\n';

/** The TypeScript types of an OpenAPI document, as src/schema.ts holds them. */
export async function schemaOf(document) {
  const ast = await openapiTypescript(document, { arrayLength: true, alphabetize: false });
  return HEADER + astToString(ast);
}
