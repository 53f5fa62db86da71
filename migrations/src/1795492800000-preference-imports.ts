import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Judgements that were made elsewhere. An import is a run whose one step, `collect`, is complete when it appears: its
 * judgements stand in the same tables as those made here, with what is not known of them left out.
 */
export class PreferenceImports1795492800000 implements MigrationInterface {
  readonly name = 'PreferenceImports1795492800000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of [imports, labelers, slots, judgements]) await queryRunner.query(statement);
  }

  /** Fails while there are imports. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE imported_labelers, preference_imports;
      ALTER TABLE labelers DROP CONSTRAINT labelers_kind_check,
        ADD CONSTRAINT labelers_kind_check CHECK (kind IN ('person', 'simulated'));
      DROP INDEX slots_labeler_once;
      ALTER TABLE slots DROP CONSTRAINT slots_state_check,
        ADD CONSTRAINT slots_state_check CHECK (state IN ('open', 'leased', 'done', 'skipped')),
        ADD CONSTRAINT slots_comparison_id_labeler_id_key UNIQUE (comparison_id, labeler_id);
      ALTER TABLE judgements
        DROP CONSTRAINT imported_or_asked_here, DROP CONSTRAINT ranks_fit_outcome, DROP CONSTRAINT only_skips_lack_a_duration,
        DROP COLUMN imported, DROP COLUMN judged_at, DROP COLUMN confidence, DROP COLUMN margin,
        ALTER COLUMN guideline_version SET NOT NULL,
        ADD CONSTRAINT ranks_fit_outcome CHECK (${ranksFit('cardinality(ranks) = cardinality(displayed_order)')}),
        ADD CONSTRAINT only_skips_lack_a_duration CHECK (outcome = 'skipped' OR duration_ms IS NOT NULL);
    `);
  }
}

const SHA256 = `~ '^[0-9a-f]{64}$'`;

const imports = `
CREATE TABLE preference_imports (
  run_id uuid PRIMARY KEY REFERENCES runs,
  -- Of the file, how it was read, and all that came of it: the same import is made once.
  content_hash char(64) NOT NULL UNIQUE CHECK (content_hash ${SHA256}),
  file_name text NOT NULL CHECK (file_name <> ''),
  file_sha256 char(64) NOT NULL CHECK (file_sha256 ${SHA256}),
  file_bytes bigint NOT NULL CHECK (file_bytes >= 0),
  format text NOT NULL CHECK (format <> ''),
  -- The checkpoint whose tokenizer made the tokens; null: they are the file's own, or there are none.
  model char(64) REFERENCES artifacts,
  -- Of the tokens; null: there are texts only.
  tokenizer char(64) CHECK (tokenizer ${SHA256}),
  -- Rows of the file, and those that were left out or cut, by reason.
  counts jsonb NOT NULL CHECK (jsonb_typeof(counts) = 'object'),
  imported_by uuid NOT NULL REFERENCES users,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Labelers as a file names them; no name: the file names nobody.
CREATE TABLE imported_labelers (
  labeler_id uuid PRIMARY KEY REFERENCES labelers,
  run_id uuid NOT NULL REFERENCES runs,
  name text,
  UNIQUE NULLS NOT DISTINCT (run_id, name)
);

${['preference_imports', 'imported_labelers']
  .map(
    (table) =>
      `CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${table}
         FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();`,
  )
  .join('\n')}
GRANT SELECT, INSERT ON preference_imports, imported_labelers TO plumbline_app;
`;

/** The checks of columns have the names that Postgres gave them. */
const labelers = `
ALTER TABLE labelers DROP CONSTRAINT labelers_kind_check,
  ADD CONSTRAINT labelers_kind_check CHECK (kind IN ('person', 'simulated', 'imported'));
`;

/** In a file, a labeler may have judged a comparison more than once; here, nobody is asked twice. */
const slots = `
ALTER TABLE slots DROP CONSTRAINT slots_state_check,
  ADD CONSTRAINT slots_state_check CHECK (state IN ('open', 'leased', 'done', 'skipped', 'imported')),
  DROP CONSTRAINT slots_comparison_id_labeler_id_key;
CREATE UNIQUE INDEX slots_labeler_once ON slots (comparison_id, labeler_id) WHERE state <> 'imported';
`;

function ranksFit(shown: string): string {
  return `
    CASE WHEN outcome = 'ranked'
      THEN ${shown}
        AND 1 = ANY (ranks) AND 1 < ANY (ranks) AND 1 <= ALL (ranks) AND cardinality(ranks) >= ALL (ranks)
      ELSE cardinality(ranks) = 0
    END`;
}

/** What is not known of a judgement from elsewhere is null, and its displayed order empty. */
const judgements = `
ALTER TABLE judgements
  ADD COLUMN imported boolean NOT NULL DEFAULT false,
  -- When it was made, of an imported one; created_at is when it was recorded here.
  ADD COLUMN judged_at timestamptz,
  -- 1 = certainly the first response, 9 = certainly the second, by position in comparison_responses.
  ADD COLUMN confidence smallint CHECK (confidence BETWEEN 1 AND 9),
  -- By how much the better response is ahead, in units of reward.
  ADD COLUMN margin double precision CHECK (margin >= 0),
  ALTER COLUMN guideline_version DROP NOT NULL,
  DROP CONSTRAINT ranks_fit_outcome,
  DROP CONSTRAINT only_skips_lack_a_duration,
  ADD CONSTRAINT ranks_fit_outcome CHECK (${ranksFit(
    '(cardinality(ranks) = cardinality(displayed_order) OR (imported AND cardinality(displayed_order) = 0))',
  )}),
  ADD CONSTRAINT only_skips_lack_a_duration CHECK (imported OR outcome = 'skipped' OR duration_ms IS NOT NULL),
  ADD CONSTRAINT imported_or_asked_here CHECK (imported OR (guideline_version IS NOT NULL AND judged_at IS NULL));
`;
