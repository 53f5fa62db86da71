import { createHash, randomUUID } from 'node:crypto';
import type { Actor } from '@plumbline/audit';
import type { ComparisonSet, RunConfiguration, StepName } from '@plumbline/contracts';
import { startTestDatabase, type TestDatabase } from '@plumbline/testing';
import type { DataSource } from 'typeorm';
import {
  beginStep,
  createDataSource,
  createRun,
  createUser,
  labelerOf,
  publishComparisons,
  registerArtifacts,
  type Audience,
} from '../src/index.js';

export const WORKER: Actor = { kind: 'service', id: 'test-worker' };

export function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export interface TestRecord {
  readonly database: TestDatabase;
  /** As the application's role. */
  readonly app: DataSource;
  stop(): Promise<void>;
}

/** A real Postgres with the real migrations, connected as the application is. */
export async function startTestRecord(): Promise<TestRecord> {
  const database = await startTestDatabase();
  const app = await createDataSource({ url: database.appUrl }).initialize();
  return {
    database,
    app,
    stop: async () => {
      await app.destroy();
      await database.stop();
    },
  };
}

/** Plain data for the columns; nothing here validates it. */
export const CONFIGURATION = {
  name: 'test run',
  seed: 7,
  inputs: {},
  collect: { judgementsPerComparison: 1, guideline: 'Prefer the kinder one.', simulatedNoise: 1 },
} as unknown as RunConfiguration;

export async function newUser(
  app: DataSource,
  role: 'labeler' | 'researcher' = 'researcher',
): Promise<string> {
  const name = randomUUID();
  const user = await createUser(
    app,
    { kind: 'person', email: `${name}@example.org`, displayName: name, role, passwordHash: 'hash' },
    WORKER,
  );
  return user.id;
}

export async function newLabeler(app: DataSource): Promise<string> {
  return labelerOf(app, await newUser(app, 'labeler'));
}

export async function newRun(app: DataSource): Promise<string> {
  const { runId } = await createRun(app, {
    configuration: CONFIGURATION,
    configurationHash: hash('configuration'),
    preset: null,
    inputs: {},
    startedBy: await newUser(app),
    commit: 'abc',
    dirty: false,
    lockfileHash: hash('lockfile'),
    versions: { node: '20' },
    machine: { cores: 2 },
  });
  return runId;
}

export async function newStep(
  app: DataSource,
  step: StepName = 'pretrain',
): Promise<{ runId: string; stepId: string }> {
  const runId = await newRun(app);
  const { stepId } = await beginStep(app, { runId, step, inputs: {}, actor: WORKER });
  return { runId, stepId };
}

/** Distinct comparisons with two responses each; `salt` makes sets differ. */
export function comparisonSet(count: number, salt: string = randomUUID(), responses = 2): ComparisonSet {
  return {
    kind: 'comparison-set',
    comparisons: Array.from({ length: count }, (_, index) => {
      const key = hash(`${salt} comparison ${index}`);
      return {
        key,
        split: index % 4 === 3 ? ('heldOut' as const) : ('train' as const),
        prompt: [
          { role: 'document' as const, parts: [{ type: 'text' as const, text: `${salt} prompt ${index}` }] },
        ],
        promptTokens: [index],
        responses: Array.from({ length: responses }, (_, position) => ({
          key: hash(`${key} ${position}`),
          text: `response ${position} of ${index}`,
          tokens: [position],
        })),
      };
    }),
  };
}

export async function newCollection(
  app: DataSource,
  options: {
    comparisons?: number;
    judgementsPerComparison?: number;
    audience?: Audience;
    set?: ComparisonSet;
  } = {},
): Promise<{ runId: string; stepId: string; set: ComparisonSet }> {
  const { comparisons = 4, judgementsPerComparison = 1, audience = 'people' } = options;
  const set = options.set ?? comparisonSet(comparisons);
  const { runId, stepId } = await newStep(app, 'collect');
  const artifactId = hash(JSON.stringify(set));
  await registerArtifacts(app, [
    { id: artifactId, kind: 'comparison-set', mediaType: 'application/json', bytes: 10 },
  ]);
  await publishComparisons(app, {
    stepId,
    set,
    artifactId,
    judgementsPerComparison,
    guideline: 'Prefer the kinder one.',
    seed: 7,
    audience,
    actor: WORKER,
  });
  return { runId, stepId, set };
}
