import 'reflect-metadata';
import { MIGRATIONS } from '@plumbline/migrations';
import { DataSource } from 'typeorm';
import { ENTITIES } from './entities/index.js';
import { SnakeCaseNaming } from './naming.js';

export interface DataSourceOptions {
  /** postgres://role:password@host:port/database */
  readonly url: string;
  /** Most connections this process holds; default 10. */
  readonly poolSize?: number;
  /** As Postgres shows it in pg_stat_activity. */
  readonly applicationName?: string;
}

/** The one definition of the database. Not yet connected: `await createDataSource(…).initialize()`. */
export function createDataSource({ url, poolSize = 10, applicationName }: DataSourceOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    poolSize,
    applicationName: applicationName ?? 'plumbline',
    entities: [...ENTITIES],
    migrations: [...MIGRATIONS],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    namingStrategy: new SnakeCaseNaming(),
    synchronize: false,
    installExtensions: false,
    logging: false,
  });
}

/**
 * Brings the schema up to date. Processes that migrate at the same time take turns.
 *
 * @param ownerUrl connects as the owner of the database, not as the application
 * @returns names of the migrations that were applied, oldest first
 */
export async function migrate(ownerUrl: string): Promise<string[]> {
  const dataSource = createDataSource({ url: ownerUrl, poolSize: 2, applicationName: 'plumbline migrate' });
  await dataSource.initialize();
  const lock = dataSource.createQueryRunner();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const applied = await dataSource.runMigrations();
    return applied.map(({ name }) => name);
  } finally {
    await lock.release();
    // Closing the connection gives the lock back.
    await dataSource.destroy();
  }
}

/** Any fixed number that nothing else in the database uses. */
const MIGRATION_LOCK = 7_205_759;
