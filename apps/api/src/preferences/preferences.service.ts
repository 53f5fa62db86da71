import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  ArtifactError,
  canonicalJson,
  readCheckpointManifest,
  readComparisonSet,
  sha256,
  writeComparisonSet,
  type ArtifactStore,
} from '@plumbline/artifacts';
import { Inject, Injectable } from '@nestjs/common';
import { configurationHash, environment, resolveConfiguration } from '@plumbline/config';
import type {
  JudgedComparison,
  ModelConfiguration,
  PreferenceFileHeader,
  PreferenceSnapshot,
  PreferenceSource,
} from '@plumbline/contracts';
import {
  findJudgedCollection,
  findPreferenceImport,
  knownArtifacts,
  openJudgementExport,
  recordPreferenceImport,
  type JudgedCollection,
  type RecordedImport,
} from '@plumbline/database';
import { DataSource } from 'typeorm';
import { ARTIFACT_STORE } from '../artifacts/artifact-store.token.js';
import type { Caller } from '../auth/principal.js';
import { ProblemError } from '../problems/problem.js';
import { registerImportedModels } from '../runs/imported-models.js';
import { readProvenance } from '../runs/provenance.js';
import type { ImportSourceDto, PreferenceImportDto } from './preferences.dto.js';
import { receivePreferences, type ReceivedPreferences } from './receive-preferences.js';

/** Display orders of what is collected follow from a run's seed; nothing of an import does. */
const SEED = 0;

@Injectable()
export class PreferencesService {
  private readonly provenance = readProvenance(environment().root);

  constructor(
    private readonly database: DataSource,
    @Inject(ARTIFACT_STORE) private readonly artifacts: ArtifactStore,
  ) {}

  /**
   * Checks the whole upload, then stores it: the artifacts, and all rows in one transaction.
   * @throws ProblemError `invalid-request` naming what is wrong; nothing is stored then
   */
  async import(given: ImportSourceDto, upload: Readable, caller: Caller): Promise<PreferenceImportDto> {
    const model = given.model === undefined ? null : await this.tokenizedBy(given.model);
    const folder = await mkdtemp(join(tmpdir(), 'plumbline-import-'));
    try {
      const received = await receivePreferences(upload, join(folder, 'upload.jsonl'), model);
      const { malformed, long, identical, ...file } = given;
      const source = { ...file, model: given.model ?? null, leftOut: { malformed, long, identical } };
      return await this.store(source, received, caller);
    } finally {
      // What is refused before its end is read all the same: else its sender would not hear why.
      upload.resume();
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async store(
    source: PreferenceSource,
    received: ReceivedPreferences,
    caller: Caller,
  ): Promise<PreferenceImportDto> {
    const { fileName: _, ...sameFile } = source;
    const contentHash = sha256(canonicalJson({ ...sameFile, content: received.contentHash }));
    const earlier = await findPreferenceImport(this.database, contentHash);
    if (earlier !== null) return described({ ...earlier, created: false });
    if (source.model !== null) await registerImportedModels(this.database, this.artifacts, [source.model]);

    const { tokenizer } = received.header;
    const set = await writeComparisonSet(this.artifacts, { comparisons: received.comparisons(), tokenizer });
    const snapshot: PreferenceSnapshot = {
      kind: 'preference-snapshot',
      comparisons: set.id,
      preferences: received.preferences,
    };
    const text = canonicalJson(snapshot);
    const json = { mediaType: 'application/json' };
    const comparisonSet = { ...json, id: set.id, kind: 'comparison-set', bytes: set.bytes };
    const preferences = {
      ...json,
      id: await this.artifacts.putJson(snapshot),
      kind: 'preference-snapshot',
      bytes: Buffer.byteLength(text),
    };
    const inputs = { comparisons: set.id };
    const configuration = resolveConfiguration({
      name: `import of ${source.fileName}`.slice(0, 200),
      seed: SEED,
      step: 'collect',
      inputs,
    });
    const recorded = await recordPreferenceImport(this.database, {
      contentHash,
      source,
      tokenizer,
      guidelines: received.header.guidelines,
      comparisonSet,
      preferences,
      counts: {
        rows: source.rows,
        leftOut: source.leftOut,
        truncated: source.truncated,
        comparisons: received.header.comparisons,
        heldOut: received.heldOut,
        judgements: received.preferences.length,
      },
      run: {
        ...(await this.provenance),
        configuration,
        configurationHash: configurationHash(configuration),
        preset: null,
        inputs,
        startedBy: caller.userId,
      },
      comparisons: () => received.judged(),
    });
    return described(recorded);
  }

  /** What limits an upload's tokens. @throws ProblemError `invalid-request` when there is no such model */
  private async tokenizedBy(
    model: string,
  ): Promise<{ tokenizer: string; context: number; vocabulary: number }> {
    const refuse = (message: string) =>
      new ProblemError('invalid-request', `model: ${message}`, [{ path: 'model', message }]);
    const manifest = await readCheckpointManifest(this.artifacts, model).catch((error: unknown) => {
      throw error instanceof ArtifactError ? refuse(`there is no checkpoint ${model}`) : error;
    });
    const { model: shape } = manifest.configuration as { model?: ModelConfiguration };
    const { tokenizer } = manifest.references;
    if (shape === undefined || tokenizer === undefined) throw refuse(`checkpoint ${model} has no tokenizer`);
    const known = await knownArtifacts(this.database, [model]);
    if (!known.has(model) && manifest.step !== 'import')
      throw refuse(`the record knows no checkpoint ${model}`);
    return { tokenizer, context: shape.context, vocabulary: shape.vocabulary };
  }

  /**
   * A Plumbline preference file of what the run collected, or was given, a line at a time.
   * @throws DatabaseError `not_found`; ProblemError `conflict` when there are no judgements
   */
  async export(runId: string): Promise<AsyncGenerator<string>> {
    const collection = await findJudgedCollection(this.database, runId);
    if (collection === null) throw new ProblemError('conflict', `run ${runId} has no judgements`);
    return this.lines(collection, await this.tokenizerOf(collection));
  }

  private async *lines(
    { stepId, comparisonSet, guidelines }: JudgedCollection,
    tokenizer: string | null,
  ): AsyncGenerator<string> {
    const open = await openJudgementExport(this.database, stepId);
    try {
      const { comparisons, judgements } = open;
      const header: PreferenceFileHeader = {
        kind: 'plumbline-preferences',
        version: 1,
        tokenizer,
        guidelines,
        comparisons,
        judgements,
      };
      yield `${canonicalJson(header)}\n`;
      // Texts and tokens from the set itself: the database has the texts without what it cannot store.
      let position = -1;
      const set = readComparisonSet(this.artifacts, comparisonSet);
      for await (const row of open.rows()) {
        let next = await set.next();
        while (++position < row.position) next = await set.next();
        if (next.done === true)
          throw new Error(`comparison set ${comparisonSet} has no comparison ${row.position}`);
        const { prompt, promptTokens, responses } = next.value;
        const comparison: JudgedComparison = {
          prompt,
          promptTokens: tokenizer === null ? [] : promptTokens,
          responses: responses.map(({ text, tokens }) => ({
            text,
            tokens: tokenizer === null ? [] : tokens,
          })),
          split: row.split,
          judgements: row.judgements,
        };
        yield `${canonicalJson(comparison)}\n`;
      }
    } finally {
      await open.close();
    }
  }

  /** null where the model that the tokens are of is not known, or no longer there. */
  private async tokenizerOf({ tokenizer, model }: JudgedCollection): Promise<string | null> {
    if (tokenizer !== null || model === null) return tokenizer;
    try {
      return (await readCheckpointManifest(this.artifacts, model)).references['tokenizer'] ?? null;
    } catch (error) {
      if (error instanceof ArtifactError) return null;
      throw error;
    }
  }
}

function described({
  runId,
  comparisons,
  preferences,
  counts,
  created,
}: RecordedImport & { created: boolean }): PreferenceImportDto {
  return {
    runId,
    comparisons,
    preferences,
    judgements: counts.judgements,
    comparisonCount: counts.comparisons,
    heldOut: counts.heldOut,
    created,
  };
}
