import { randomUUID } from 'node:crypto';
import { canonicalJson, sha256 } from '@plumbline/artifacts';
import type { Actor } from '@plumbline/audit';
import type {
  CollectionProgress,
  ComparisonSet,
  Message,
  PreferenceRecord,
  SampledComparison,
} from '@plumbline/contracts';
import type { EntityManager } from 'typeorm';
import { registerArtifacts, type ArtifactDescription } from './artifacts.js';
import type { Audience } from './entities/index.js';
import { DatabaseError } from './errors.js';
import { appendEvent } from './events.js';
import { withoutNul } from './text.js';
import { inTransaction, query, type Database } from './transaction.js';

export interface Publication {
  /** The collect step. */
  readonly stepId: string;
  readonly set: ComparisonSet;
  /** The set's artifact id. */
  readonly artifactId: string;
  readonly judgementsPerComparison: number;
  readonly guideline: string;
  /** The run's seed: display orders follow from it. */
  readonly seed: number;
  readonly audience: Audience;
  readonly actor: Actor;
}

/**
 * Puts a comparison set before labelers: prompts, responses, comparisons and one slot per wanted judgement, in one
 * transaction. Repeating it changes nothing.
 *
 * @throws DatabaseError `not_found` for the step
 */
export async function publishComparisons(
  database: Database,
  publication: Publication,
): Promise<CollectionProgress> {
  const { stepId, set, artifactId, judgementsPerComparison, actor } = publication;
  return inTransaction(database, async (manager) => {
    const [step] = await query<{ run_id: string }>(
      manager,
      `SELECT run_id FROM steps WHERE id = $1 FOR NO KEY UPDATE`,
      [stepId],
    );
    if (step === undefined) throw new DatabaseError('not_found', `there is no step ${stepId}`);
    const published = await findProgress(manager, stepId);
    if (published !== null) return published;

    const required = set.comparisons.length * judgementsPerComparison;
    await manager.query(`INSERT INTO guidelines (step_id, version, text) VALUES ($1, 1, $2)`, [
      stepId,
      withoutNul(publication.guideline),
    ]);
    await manager.query(
      `INSERT INTO collections (step_id, run_id, comparison_set, seed, guideline_version, audience,
                                judgements_per_comparison, required)
       VALUES ($1, $2, $3, $4, 1, $5, $6, $7)`,
      [
        stepId,
        step.run_id,
        artifactId,
        publication.seed,
        publication.audience,
        judgementsPerComparison,
        required,
      ],
    );
    for (let start = 0; start < set.comparisons.length; start += COMPARISONS_PER_INSERT) {
      const chunk = set.comparisons.slice(start, start + COMPARISONS_PER_INSERT);
      await insertComparisons(manager, stepId, chunk, start, judgementsPerComparison);
    }
    await appendEvent(manager, {
      actor,
      action: 'collection.published',
      subject: { type: 'step', id: stepId },
      runId: step.run_id,
      payload: {
        comparisonSet: artifactId,
        comparisons: set.comparisons.length,
        required,
        guidelineVersion: 1,
      },
    });
    return { judged: 0, required };
  });
}

const COMPARISONS_PER_INSERT = 500;

/** @returns ids of the comparisons' rows, in the order given */
export async function insertComparisons(
  manager: EntityManager,
  stepId: string,
  comparisons: readonly SampledComparison[],
  firstPosition: number,
  slotsPerComparison: number,
): Promise<string[]> {
  const rows = comparisons.map((comparison, offset) => {
    const prompt = comparison.prompt.map(storableMessage);
    return {
      id: randomUUID(),
      position: firstPosition + offset,
      key: comparison.key,
      split: comparison.split,
      prompt,
      prompt_id: randomUUID(),
      prompt_key: sha256(canonicalJson(prompt)),
    };
  });
  const responses = comparisons.flatMap((comparison, offset) =>
    comparison.responses.map((response, position) => ({
      id: randomUUID(),
      comparison_id: rows[offset]?.id,
      position,
      key: response.key,
      content: [{ type: 'text', text: withoutNul(response.text) }],
    })),
  );
  const rowsJson = JSON.stringify(rows);
  const responsesJson = JSON.stringify(responses);
  // Content is shared: another run, or another comparison, may have stored the same prompt or response.
  await manager.query(
    `INSERT INTO prompts (id, key, content)
     SELECT DISTINCT ON (prompt_key) prompt_id, prompt_key, prompt
       FROM jsonb_to_recordset($1) AS c (prompt_id uuid, prompt_key text, prompt jsonb)
      ORDER BY prompt_key ON CONFLICT (key) DO NOTHING`,
    [rowsJson],
  );
  await manager.query(
    `INSERT INTO comparisons (id, step_id, position, key, split, prompt_id)
     SELECT c.id, $2, c.position, c.key, c.split, p.id
       FROM jsonb_to_recordset($1) AS c (id uuid, position integer, key text, split text, prompt_key text)
       JOIN prompts p ON p.key = c.prompt_key`,
    [rowsJson, stepId],
  );
  await manager.query(
    `INSERT INTO responses (id, key, content)
     SELECT DISTINCT ON (key) id, key, content
       FROM jsonb_to_recordset($1) AS r (id uuid, key text, content jsonb)
      ORDER BY key ON CONFLICT (key) DO NOTHING`,
    [responsesJson],
  );
  await manager.query(
    `INSERT INTO comparison_responses (comparison_id, position, response_id)
     SELECT r.comparison_id, r.position, s.id
       FROM jsonb_to_recordset($1) AS r (comparison_id uuid, position integer, key text)
       JOIN responses s ON s.key = r.key`,
    [responsesJson],
  );
  await manager.query(
    `INSERT INTO slots (id, step_id, comparison_id, ordinal, position, state)
     SELECT gen_random_uuid(), $2, c.id, ordinal, c.position, 'open'
       FROM jsonb_to_recordset($1) AS c (id uuid, position integer), generate_series(0, $3 - 1) AS ordinal`,
    [rowsJson, stepId, slotsPerComparison],
  );
  return rows.map(({ id }) => id);
}

function storableMessage(message: Message): Message {
  return {
    role: message.role,
    parts: message.parts.map((part) => ({ type: part.type, text: withoutNul(part.text) })),
  };
}

/** How many judgements a collect step has. Reads one row. @throws DatabaseError `not_found` before publication */
export async function collectionProgress(database: Database, stepId: string): Promise<CollectionProgress> {
  const progress = await findProgress(database, stepId);
  if (progress === null) throw new DatabaseError('not_found', `step ${stepId} has published no comparisons`);
  return progress;
}

async function findProgress(database: Database, stepId: string): Promise<CollectionProgress | null> {
  const [row] = await query<CollectionProgress>(
    database,
    `SELECT judged, required FROM collections WHERE step_id = $1`,
    [stepId],
  );
  return row ?? null;
}

export interface FrozenPreferences {
  /** Artifact id of the preference snapshot. */
  readonly artifactId: string;
  readonly judgements: number;
}

/**
 * Freezes a collect step's judgements into a snapshot, sorted by (comparison key, ordinal), and records which
 * judgement each line came from. Nothing is judged afterwards. Repeating it gives the same snapshot.
 *
 * @param write stores `preferences` (ranks in the comparison set's order) as an artifact
 * @throws DatabaseError `not_found`; `not_complete` while judgements are missing
 */
export async function freezePreferences(
  database: Database,
  input: {
    stepId: string;
    actor: Actor;
    /** Whether the snapshot names labelers, by pseudonym. */
    recordLabelers?: boolean;
    write: (content: {
      readonly comparisons: string;
      readonly preferences: readonly PreferenceRecord[];
    }) => Promise<ArtifactDescription>;
  },
): Promise<FrozenPreferences> {
  const { stepId, actor, recordLabelers = false, write } = input;
  return inTransaction(database, async (manager) => {
    const [collection] = await query<{
      run_id: string;
      comparison_set: string;
      judged: number;
      required: number;
      artifact_id: string | null;
    }>(
      manager,
      `SELECT c.run_id, c.comparison_set, c.judged, c.required,
              (SELECT artifact_id FROM preference_snapshots WHERE step_id = c.step_id) AS artifact_id
         FROM collections c WHERE c.step_id = $1 FOR NO KEY UPDATE`,
      [stepId],
    );
    if (collection === undefined) {
      throw new DatabaseError('not_found', `step ${stepId} has published no comparisons`);
    }
    if (collection.artifact_id !== null) {
      return { artifactId: collection.artifact_id, judgements: collection.judged };
    }
    if (collection.judged < collection.required) {
      throw new DatabaseError(
        'not_complete',
        `step ${stepId} has ${collection.judged} of ${collection.required} judgements`,
      );
    }
    const judgements = await standingJudgements(manager, stepId);
    const preferences = judgements.map(({ comparison, ordinal, outcome, ranks, labeler }) => ({
      comparison,
      ordinal,
      outcome,
      ranks,
      ...(recordLabelers && { labeler }),
    }));
    const artifact = await write({ comparisons: collection.comparison_set, preferences });
    await registerArtifacts(manager, [artifact]);
    await manager.query(`INSERT INTO preference_snapshots (step_id, artifact_id) VALUES ($1, $2)`, [
      stepId,
      artifact.id,
    ]);
    await manager.query(
      `INSERT INTO snapshot_judgements (step_id, position, judgement_id)
       SELECT $1, j.place - 1, j.id FROM unnest($2::uuid[]) WITH ORDINALITY AS j (id, place)`,
      [stepId, judgements.map(({ id }) => id)],
    );
    await manager.query(`UPDATE collections SET frozen_at = now() WHERE step_id = $1`, [stepId]);
    await appendEvent(manager, {
      actor,
      action: 'collection.frozen',
      subject: { type: 'step', id: stepId },
      runId: collection.run_id,
      payload: { preferences: artifact.id, judgements: judgements.length },
    });
    return { artifactId: artifact.id, judgements: judgements.length };
  });
}

interface StandingJudgement extends PreferenceRecord {
  readonly id: string;
  readonly labeler: string;
}

/** Judgements that count: no skips, and none that a later one supersedes. */
async function standingJudgements(manager: EntityManager, stepId: string): Promise<StandingJudgement[]> {
  return query<StandingJudgement>(
    manager,
    `SELECT j.id, c.key AS comparison, s.ordinal, j.outcome, j.ranks, l.pseudonym AS labeler
       FROM comparisons c
       JOIN slots s ON s.comparison_id = c.id
       JOIN judgements j ON j.slot_id = s.id
       JOIN labelers l ON l.id = j.labeler_id
      WHERE c.step_id = $1 AND j.outcome <> 'skipped'
        AND NOT EXISTS (SELECT 1 FROM judgements later WHERE later.supersedes = j.id)
      ORDER BY c.key COLLATE "C", s.ordinal`,
    [stepId],
  );
}
