import { createHash, randomUUID } from 'node:crypto';
import type { Actor } from '@plumbline/audit';
import { resolveConfiguration } from '@plumbline/config';
import type { ComparisonSet } from '@plumbline/contracts';
import { beginStep, createRun, publishComparisons, registerArtifacts } from '@plumbline/database';
import type { TestApi } from './test-api.js';

export const WORKER: Actor = { kind: 'service', id: 'test-worker' };

export function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export interface NewRunOptions {
  readonly name?: string;
  readonly seed?: number;
  readonly sft?: { readonly data: string };
}

/** A run as it is before its workflow starts. */
export async function newRun(
  api: TestApi,
  { name = 'test', seed = 7, sft }: NewRunOptions = {},
): Promise<string> {
  const { runId } = await createRun(api.database, {
    configuration: resolveConfiguration({ name, seed, ...(sft && { sft }) }),
    configurationHash: hash(name),
    preset: null,
    inputs: {},
    startedBy: (await api.user('researcher')).id,
    commit: 'abc',
    dirty: false,
    lockfileHash: null,
    versions: { node: '20' },
    machine: { cores: 2 },
  });
  return runId;
}

/** A run whose collect step has put comparisons of two responses before labelers. */
export async function collectingRun(
  api: TestApi,
  { comparisons = 3, audience = 'people' }: { comparisons?: number; audience?: 'people' | 'simulated' } = {},
): Promise<{ runId: string; stepId: string }> {
  const runId = await newRun(api);
  const { stepId } = await beginStep(api.database, { runId, step: 'collect', inputs: {}, actor: WORKER });
  const salt = randomUUID();
  const set: ComparisonSet = {
    kind: 'comparison-set',
    comparisons: Array.from({ length: comparisons }, (_, index) => ({
      key: hash(`${salt} ${index}`),
      split: 'train' as const,
      prompt: [{ role: 'document' as const, parts: [{ type: 'text' as const, text: `prompt ${index}` }] }],
      promptTokens: [1],
      responses: ['first', 'second'].map((name) => ({
        key: hash(`${salt} ${index} ${name}`),
        text: `${name} of ${index}`,
        tokens: [2],
      })),
    })),
  };
  await registerArtifacts(api.database, [
    { id: hash(salt), kind: 'comparison-set', mediaType: 'application/json', bytes: 1 },
  ]);
  await publishComparisons(api.database, {
    stepId,
    set,
    artifactId: hash(salt),
    judgementsPerComparison: 1,
    guideline: 'Prefer the kinder one.',
    seed: 7,
    audience,
    actor: WORKER,
  });
  return { runId, stepId };
}
