import { writeFile } from 'node:fs/promises';
import { describeUnconnectedApi } from './openapi.js';

/*
 * Writes the OpenAPI document of the API to the file that the command line names. Needs no services.
 */

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: write-openapi.js FILE');
  process.exitCode = 2;
} else {
  await writeFile(file, `${JSON.stringify(await describeUnconnectedApi(), null, 2)}\n`);
}
