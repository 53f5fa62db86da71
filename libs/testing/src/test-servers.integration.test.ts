import { isPortFree } from '@plumbline/services';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { expect, it } from 'vitest';
import { startTestDatabase } from './test-database.js';
import { startTestTemporal } from './test-temporal.js';

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as unknown[];
  } finally {
    await client.end();
  }
}

it('starts databases side by side, with an owner and an application that owns nothing', async () => {
  const databases = await Promise.all([
    startTestDatabase({ migrated: false }),
    startTestDatabase({ migrated: false }),
  ]);
  try {
    for (const { appUrl, ownerUrl } of databases) {
      expect(await query(appUrl, 'SELECT current_user AS role')).toEqual([{ role: 'plumbline_app' }]);
      await query(ownerUrl, 'CREATE TABLE kept (id int)');
      await expect(query(appUrl, 'SELECT * FROM kept')).rejects.toThrow(/permission denied/);
      await expect(query(appUrl, 'CREATE TABLE other (id int)')).rejects.toThrow(/permission denied/);
    }
  } finally {
    await Promise.all(databases.map((database) => database.stop()));
  }
  for (const { appUrl } of databases) expect(await isPortFree(Number(new URL(appUrl).port))).toBe(true);
});

it('starts a Temporal server and stops it', async () => {
  const temporal = await startTestTemporal();
  const connection = await Connection.connect({ address: temporal.address });
  const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace: 'default' });
  expect(namespaceInfo?.name).toBe('default');
  await connection.close();
  await temporal.stop();
  expect(await isPortFree(Number(temporal.address.split(':')[1]))).toBe(true);
});
