import { DatabaseError, type PoolClient } from 'pg';
import { EntityManager, QueryFailedError, type DataSource } from 'typeorm';

/** Functions of this package take either: inside a transaction they join it. */
export type Database = DataSource | EntityManager;

/** Runs `work` in the caller's transaction, or in one of its own. */
export async function inTransaction<T>(
  database: Database,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  if (database instanceof EntityManager && database.queryRunner?.isTransactionActive === true) {
    return work(database);
  }
  const dataSource = database instanceof EntityManager ? database.dataSource : database;
  return dataSource.transaction(work);
}

/** Rows of a SELECT, or of a statement with RETURNING. */
export async function query<Row>(
  database: Database,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  const result: unknown = await database.query(sql, [...parameters]);
  // TypeORM answers UPDATE and DELETE with [rows, count].
  if (
    Array.isArray(result) &&
    result.length === 2 &&
    Array.isArray(result[0]) &&
    typeof result[1] === 'number'
  ) {
    return result[0] as Row[];
  }
  return result as Row[];
}

/**
 * As `query`, for statements that labelers' every request needs: Postgres plans them once per connection, which would
 * otherwise cost it more than executing them. `name` stands for the text: one text, one name.
 */
export async function queryPrepared<Row>(
  database: Database,
  name: string,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  const joined = database instanceof EntityManager ? database.queryRunner : undefined;
  const runner =
    joined ?? (database instanceof EntityManager ? database.dataSource : database).createQueryRunner();
  try {
    const client = (await runner.connect()) as PoolClient;
    const { rows } = await client.query({ name, text: sql, values: [...parameters] });
    return rows as Row[];
  } catch (error) {
    if (error instanceof DatabaseError) throw new QueryFailedError(sql, [...parameters], error);
    throw error;
  } finally {
    if (joined === undefined) await runner.release();
  }
}

/** Whether `error` is a violation of the unique key of that name. */
export function violatesUnique(error: unknown, constraint: string): boolean {
  return isPostgresError(error, '23505') && driverError(error).constraint === constraint;
}

/** @param code SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function isPostgresError(error: unknown, code: string): boolean {
  return driverError(error).code === code;
}

function driverError(error: unknown): { code?: string; constraint?: string } {
  return error instanceof QueryFailedError
    ? (error.driverError as { code?: string; constraint?: string })
    : {};
}
