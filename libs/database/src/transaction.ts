import { DataSource, EntityManager, QueryFailedError } from 'typeorm';

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
