import { MIGRATIONS } from '@plumbline/migrations';
import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestDatabase } from '@plumbline/testing';
import {
  newCollection,
  newLabeler,
  newRun,
  startTestRecord,
  type TestRecord,
} from '../test-support/fixtures.js';
import { createDataSource, migrate, query, submitJudgement, takeNextSlot } from './index.js';

let record: TestRecord;
let owner: DataSource;
beforeAll(async () => {
  record = await startTestRecord();
  owner = await createDataSource({ url: record.database.ownerUrl }).initialize();
  const { runId } = await newCollection(record.app, { comparisons: 2 });
  const labelerId = await newLabeler(record.app);
  const slot = await takeNextSlot(record.app, { labelerId, runId });
  await submitJudgement(record.app, {
    labelerId,
    slotId: slot!.slotId,
    runId: null,
    idempotencyKey: 'k',
    body: {},
    durationMs: 1,
    decide: () => ({ outcome: 'tie', ranks: [], displayedOrder: [0, 1] }),
  });
});
afterAll(async () => {
  await owner.destroy();
  await record.stop();
});

const HISTORY = ['events', 'judgements', 'guidelines', 'preference_snapshots', 'snapshot_judgements'];

describe('history', () => {
  it.each(HISTORY)('%s: the application’s role may not change or remove anything', async (table) => {
    const column =
      { guidelines: 'text', events: 'action', snapshot_judgements: 'position' }[table] ?? 'created_at';
    for (const statement of [
      `UPDATE ${table} SET ${column} = ${column}`,
      `DELETE FROM ${table}`,
      `TRUNCATE ${table} CASCADE`,
    ]) {
      await expect(query(record.app, statement), statement).rejects.toThrow(/permission denied/);
    }
  });

  it.each(HISTORY)(
    '%s: not even the owner may, and a row that is not there makes no difference',
    async (table) => {
      const [before] = await query<{ count: string }>(owner, `SELECT count(*) FROM ${table}`);
      for (const statement of [
        `DELETE FROM ${table}`,
        `DELETE FROM ${table} WHERE false`,
        `TRUNCATE ${table} CASCADE`,
      ]) {
        await expect(query(owner, statement), statement).rejects.toThrow(/append-only/);
      }
      expect(await query(owner, `SELECT count(*) FROM ${table}`)).toEqual([before]);
    },
  );

  it('of judgements and events cannot be rewritten by the owner', async () => {
    await expect(query(owner, `UPDATE judgements SET duration_ms = 2`)).rejects.toThrow(
      /judgements is append-only/,
    );
    await expect(query(owner, `UPDATE events SET action = 'run.failed'`)).rejects.toThrow(
      /events is append-only/,
    );
    await expect(query(record.app, `ALTER TABLE events DISABLE TRIGGER append_only`)).rejects.toThrow(
      /must be owner/,
    );
  });

  it('refuses an event whose hash or payload is not that of its canonical text', async () => {
    const insert = (changes: Record<string, string>) => {
      const columns = [
        'actor_kind',
        'actor_id',
        'action',
        'subject_type',
        'subject_id',
        'payload',
        'canonical',
        'sha256',
      ];
      const select = columns.map((column) =>
        changes[column] === undefined ? column : `'${changes[column]}'`,
      );
      return query(
        record.app,
        `INSERT INTO events (id, at, ${columns.join(', ')})
         SELECT '${randomUUID()}', at, ${select.join(', ')} FROM events LIMIT 1`,
      );
    };
    await expect(insert({ sha256: 'f'.repeat(64) })).rejects.toThrow(/hash_of_canonical/);
    await expect(insert({ canonical: '{"payload":{}}' })).rejects.toThrow(/hash_of_canonical/);
    await expect(insert({ payload: '{"forged":true}' })).rejects.toThrow(/payload_of_canonical/);
    await insert({});
  });

  it('has the hash of every event right', async () => {
    const rows = await query<{ good: boolean; total: number }>(
      record.app,
      `SELECT bool_and(sha256 = encode(sha256(convert_to(canonical, 'UTF8')), 'hex')) AS good, count(*)::int AS total FROM events`,
    );
    expect(rows[0]?.good).toBe(true);
    expect(rows[0]?.total).toBeGreaterThan(5);
  });
});

describe('the application’s role', () => {
  it('removes nothing but sessions, and owns nothing', async () => {
    const rows = await query<{ table: string; removes: boolean; truncates: boolean; owner: string }>(
      owner,
      `SELECT c.relname AS table, has_table_privilege('plumbline_app', c.oid, 'DELETE') AS removes,
              has_table_privilege('plumbline_app', c.oid, 'TRUNCATE') AS truncates, pg_get_userbyid(c.relowner) AS owner
         FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`,
    );
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter(({ removes }) => removes).map(({ table }) => table)).toEqual(['sessions']);
    expect(rows.filter(({ truncates }) => truncates)).toEqual([]);
    expect(rows.filter((row) => row.owner === 'plumbline_app')).toEqual([]);
  });
});

describe('invariants that the database keeps by itself', () => {
  it.each([
    ['a run without its user', `UPDATE runs SET started_by = gen_random_uuid()`, /runs_started_by_fkey/],
    ['a status there is not', `UPDATE runs SET status = 'lost'`, /status/],
    ['an end without a final status', `UPDATE runs SET finished_at = now()`, /finished_is_final/],
    [
      'a failure without a reason',
      `UPDATE runs SET status = 'failed', finished_at = now()`,
      /failure_has_a_reason/,
    ],
    ['a report in one form only', `UPDATE runs SET report_json = repeat('0', 64)`, /report_is_complete/],
    [
      'an artifact id that is no SHA-256',
      `INSERT INTO artifacts VALUES ('x', 'k', 'a/b', 1)`,
      /artifacts_id_check/,
    ],
    ['more judgements than wanted', `UPDATE collections SET judged = required + 1`, /judged_within_required/],
    [
      'an open slot with a labeler',
      `UPDATE slots SET state = 'open', lease_expires_at = NULL WHERE labeler_id IS NOT NULL`,
      /open_belongs_to_nobody/,
    ],
    [
      'a lease that never ends',
      `UPDATE slots SET state = 'leased' WHERE labeler_id IS NOT NULL`,
      /leases_expire/,
    ],
    ['a person without a password', `UPDATE users SET password_hash = NULL`, /only_people_have_passwords/],
    ['an address in capitals', `UPDATE users SET email = upper(email)`, /users_email_check/],
  ])('%s is refused', async (_, statement, constraint) => {
    await newRun(record.app);
    await expect(query(record.app, statement)).rejects.toThrow(constraint);
  });
});

describe('migrations', () => {
  it('can be repeated, and by several processes at once', async () => {
    const fresh = await startTestDatabase({ migrated: false });
    try {
      const applied = await Promise.all([
        migrate(fresh.ownerUrl),
        migrate(fresh.ownerUrl),
        migrate(fresh.ownerUrl),
      ]);
      const names = MIGRATIONS.map(({ name }) => name);
      expect(names).toEqual([...names].sort((a, b) => Number(a.slice(-13)) - Number(b.slice(-13))));
      expect(applied.flat()).toEqual(names);
      expect(await migrate(fresh.ownerUrl)).toEqual([]);
      const source = await createDataSource({ url: fresh.ownerUrl }).initialize();
      for (const _ of names) await source.undoLastMigration();
      expect(
        await query(
          source,
          `SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'`,
        ),
      ).toEqual([]);
      await source.destroy();
      expect(await migrate(fresh.ownerUrl)).toEqual(names);
    } finally {
      await fresh.stop();
    }
  });

  it('make the tables that the entities describe, column for column', async () => {
    const columns = await query<{ table: string; column: string; type: string; nullable: boolean }>(
      owner,
      `SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
              NOT a.attnotnull AS nullable
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
          AND NOT a.attisdropped AND c.relname <> 'migrations'`,
    );
    const actual = columns.map(
      ({ table, column, type, nullable }) => `${table}.${column} ${type} ${nullable}`,
    );
    const described = record.app.entityMetadatas.flatMap((entity) =>
      entity.columns.map((column) => {
        const type = record.app.driver.normalizeType(column);
        const full = `${TYPES[type] ?? type}${type === 'character' ? '(64)' : ''}${column.isArray ? '[]' : ''}`;
        return `${entity.tableName}.${column.databaseName} ${full} ${column.isNullable}`;
      }),
    );
    expect(described.sort()).toEqual(actual.sort());
  });
});

/** What Postgres calls the types that TypeORM normalises. */
const TYPES: Readonly<Record<string, string>> = { timestamptz: 'timestamp with time zone' };
