import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The first schema. Written by hand: the constraints are the invariants, so they are meant to be read.
 *
 * Runs as the owner of the database; the application connects as `plumbline_app`, which is created together with the
 * database and gets no more than it needs: only sessions can be deleted, and history (events, judgements, snapshots,
 * guidelines) can only grow. A trigger refuses changes of history to everybody, the owner included.
 */
export class Initial1795467600000 implements MigrationInterface {
  readonly name = 'Initial1795467600000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await requireApplicationRole(queryRunner);
    for (const statement of [people, artifacts, runs, labeling, record, appendOnly, privileges]) {
      await queryRunner.query(statement);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const tables = [...APPEND_ONLY, ...MUTABLE, 'sessions'].join(', ');
    await queryRunner.query(`DROP TABLE ${tables} CASCADE; DROP FUNCTION refuse_change;`);
  }
}

const MUTABLE = [
  'users',
  'labelers',
  'labeler_identities',
  'api_tokens',
  'artifacts',
  'runs',
  'steps',
  'step_artifacts',
  'checkpoints',
  'metrics',
  'prompts',
  'responses',
  'comparisons',
  'comparison_responses',
  'collections',
  'collection_labelers',
  'slots',
  'outbox',
];
const APPEND_ONLY = ['events', 'judgements', 'guidelines', 'preference_snapshots', 'snapshot_judgements'];

async function requireApplicationRole(queryRunner: QueryRunner): Promise<void> {
  const rows = (await queryRunner.query(
    `SELECT 1 FROM pg_roles WHERE rolname = 'plumbline_app'`,
  )) as unknown[];
  if (rows.length === 0) {
    throw new Error(
      `the database has no role "plumbline_app", as which the application connects; ` +
        `create it first: CREATE ROLE plumbline_app LOGIN PASSWORD '…'`,
    );
  }
}

const STATUS = `IN ('queued', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled')`;
const STEP = `IN ('pretrain', 'sample', 'collect', 'reward', 'optimise', 'evaluate')`;
const SHA256 = `~ '^[0-9a-f]{64}$'`;

/** Who people are stays apart from the pseudonymous labeler that judgements point to. */
const people = `
CREATE TABLE users (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('person', 'service', 'simulated')),
  email text NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '_%@_%'),
  display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
  role text NOT NULL CHECK (role IN ('labeler', 'lead', 'researcher', 'auditor', 'admin')),
  password_hash text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT only_people_have_passwords CHECK ((kind = 'person') = (password_hash IS NOT NULL)),
  CONSTRAINT simulated_users_are_labelers CHECK (kind <> 'simulated' OR role = 'labeler')
);

CREATE TABLE labelers (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('person', 'simulated')),
  pseudonym text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE labeler_identities (
  labeler_id uuid PRIMARY KEY REFERENCES labelers,
  user_id uuid NOT NULL UNIQUE REFERENCES users
);

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users,
  token_hash char(64) NOT NULL UNIQUE CHECK (token_hash ${SHA256}),
  csrf_token text NOT NULL CHECK (length(csrf_token) >= 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  CHECK (expires_at > created_at)
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);
`;

const artifacts = `
CREATE TABLE artifacts (
  id char(64) PRIMARY KEY CHECK (id ${SHA256}),
  kind text NOT NULL CHECK (kind <> ''),
  media_type text NOT NULL CHECK (media_type LIKE '_%/_%'),
  bytes bigint NOT NULL CHECK (bytes >= 0),
  created_at timestamptz NOT NULL DEFAULT now()
);
`;

const runs = `
CREATE TABLE runs (
  id uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  preset text,
  workflow_id text NOT NULL UNIQUE,
  status text NOT NULL CHECK (status ${STATUS}),
  configuration jsonb NOT NULL CHECK (jsonb_typeof(configuration) = 'object'),
  configuration_hash char(64) NOT NULL CHECK (configuration_hash ${SHA256}),
  seed bigint NOT NULL CHECK (seed BETWEEN 0 AND 4294967295),
  inputs jsonb NOT NULL CHECK (jsonb_typeof(inputs) = 'object'),
  from_step text CHECK (from_step ${STEP}),
  forked_from uuid REFERENCES runs,
  started_by uuid NOT NULL REFERENCES users,
  commit text,
  dirty boolean,
  lockfile_hash char(64) CHECK (lockfile_hash ${SHA256}),
  versions jsonb NOT NULL CHECK (jsonb_typeof(versions) = 'object'),
  machine jsonb NOT NULL CHECK (jsonb_typeof(machine) = 'object'),
  pause_requested boolean NOT NULL DEFAULT false,
  error text,
  report_json char(64) REFERENCES artifacts,
  report_html char(64) REFERENCES artifacts,
  history_artifact char(64) REFERENCES artifacts,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  CONSTRAINT report_is_complete CHECK ((report_json IS NULL) = (report_html IS NULL)),
  CONSTRAINT finished_is_final CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled'))),
  CONSTRAINT failure_has_a_reason CHECK (status <> 'failed' OR error IS NOT NULL)
);
CREATE INDEX runs_newest ON runs (created_at DESC, id DESC);

CREATE TABLE api_tokens (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users,
  name text NOT NULL CHECK (name <> ''),
  token_hash char(64) NOT NULL UNIQUE CHECK (token_hash ${SHA256}),
  run_id uuid REFERENCES runs,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);
CREATE INDEX api_tokens_user ON api_tokens (user_id);

CREATE TABLE steps (
  id uuid PRIMARY KEY,
  run_id uuid NOT NULL REFERENCES runs,
  name text NOT NULL CHECK (name ${STEP}),
  status text NOT NULL CHECK (status ${STATUS}),
  -- Number of attempts so far. A commit names the attempt it belongs to, so that a stalled worker that wakes up
  -- cannot overwrite its successor.
  epoch integer NOT NULL DEFAULT 0 CHECK (epoch >= 0),
  plan jsonb,
  progress jsonb,
  error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  UNIQUE (run_id, name),
  UNIQUE (id, run_id),
  CONSTRAINT finished_is_final CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled'))),
  CONSTRAINT failure_has_a_reason CHECK (status <> 'failed' OR error IS NOT NULL)
);
CREATE INDEX steps_collecting ON steps (created_at) WHERE name = 'collect' AND status IN ('running', 'waiting');

CREATE TABLE step_artifacts (
  step_id uuid NOT NULL REFERENCES steps,
  direction text NOT NULL CHECK (direction IN ('input', 'output')),
  name text NOT NULL CHECK (name <> ''),
  artifact_id char(64) NOT NULL REFERENCES artifacts,
  PRIMARY KEY (step_id, direction, name)
);
CREATE INDEX step_artifacts_artifact ON step_artifacts (artifact_id);

CREATE TABLE checkpoints (
  step_id uuid NOT NULL REFERENCES steps,
  index integer NOT NULL CHECK (index >= 0),
  artifact_id char(64) NOT NULL REFERENCES artifacts,
  epoch integer NOT NULL CHECK (epoch > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (step_id, index)
);
CREATE INDEX checkpoints_artifact ON checkpoints (artifact_id);

CREATE TABLE metrics (
  step_id uuid NOT NULL REFERENCES steps,
  name text NOT NULL CHECK (name <> ''),
  index integer NOT NULL CHECK (index >= 0),
  value double precision NOT NULL,
  PRIMARY KEY (step_id, name, index)
);
`;

/** Prompts, responses: content. Comparisons, slots: who is asked. Judgements: what they said. */
const labeling = `
CREATE TABLE prompts (
  id uuid PRIMARY KEY,
  key char(64) NOT NULL UNIQUE CHECK (key ${SHA256}),
  content jsonb NOT NULL CHECK (jsonb_typeof(content) = 'array')
);

CREATE TABLE responses (
  id uuid PRIMARY KEY,
  key char(64) NOT NULL UNIQUE CHECK (key ${SHA256}),
  content jsonb NOT NULL CHECK (jsonb_typeof(content) = 'array')
);

CREATE TABLE guidelines (
  step_id uuid NOT NULL REFERENCES steps,
  version integer NOT NULL CHECK (version > 0),
  text text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (step_id, version)
);

-- One published comparison set. The counters are kept in the transaction of each judgement, so that asking for
-- progress reads one row.
CREATE TABLE collections (
  step_id uuid PRIMARY KEY,
  run_id uuid NOT NULL,
  comparison_set char(64) NOT NULL REFERENCES artifacts,
  seed bigint NOT NULL CHECK (seed BETWEEN 0 AND 4294967295),
  guideline_version integer NOT NULL,
  audience text NOT NULL CHECK (audience IN ('people', 'simulated')),
  judgements_per_comparison integer NOT NULL CHECK (judgements_per_comparison > 0),
  required integer NOT NULL CHECK (required > 0),
  judged integer NOT NULL DEFAULT 0,
  published_at timestamptz NOT NULL DEFAULT now(),
  frozen_at timestamptz,
  CONSTRAINT judged_within_required CHECK (judged BETWEEN 0 AND required),
  FOREIGN KEY (step_id, run_id) REFERENCES steps (id, run_id),
  FOREIGN KEY (step_id, guideline_version) REFERENCES guidelines (step_id, version)
);

CREATE TABLE collection_labelers (
  step_id uuid NOT NULL REFERENCES collections,
  labeler_id uuid NOT NULL REFERENCES labelers,
  judged integer NOT NULL CHECK (judged >= 0),
  PRIMARY KEY (step_id, labeler_id)
);
CREATE INDEX collection_labelers_labeler ON collection_labelers (labeler_id);

CREATE TABLE comparisons (
  id uuid PRIMARY KEY,
  step_id uuid NOT NULL REFERENCES collections,
  position integer NOT NULL CHECK (position >= 0),
  key char(64) NOT NULL CHECK (key ${SHA256}),
  split text NOT NULL CHECK (split IN ('train', 'heldOut')),
  prompt_id uuid NOT NULL REFERENCES prompts,
  UNIQUE (step_id, key),
  UNIQUE (step_id, position),
  UNIQUE (id, step_id)
);

CREATE TABLE comparison_responses (
  comparison_id uuid NOT NULL REFERENCES comparisons,
  position integer NOT NULL CHECK (position >= 0),
  response_id uuid NOT NULL REFERENCES responses,
  PRIMARY KEY (comparison_id, position),
  UNIQUE (comparison_id, response_id)
);

CREATE TABLE slots (
  id uuid PRIMARY KEY,
  step_id uuid NOT NULL,
  comparison_id uuid NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  -- Where the comparison stands in its set: slots are handed out by (ordinal, position).
  position integer NOT NULL CHECK (position >= 0),
  labeler_id uuid REFERENCES labelers,
  state text NOT NULL CHECK (state IN ('open', 'leased', 'done', 'skipped')),
  lease_expires_at timestamptz,
  UNIQUE (comparison_id, ordinal),
  UNIQUE (comparison_id, labeler_id),
  UNIQUE (id, comparison_id),
  FOREIGN KEY (comparison_id, step_id) REFERENCES comparisons (id, step_id),
  CONSTRAINT open_belongs_to_nobody CHECK ((state = 'open') = (labeler_id IS NULL)),
  CONSTRAINT leases_expire CHECK ((state = 'leased') = (lease_expires_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX slots_open ON slots (step_id, ordinal, position) WHERE state = 'open';
CREATE INDEX slots_leased ON slots (step_id, lease_expires_at) WHERE state = 'leased';
CREATE INDEX slots_leased_by ON slots (labeler_id) WHERE state = 'leased';

CREATE TABLE judgements (
  id uuid PRIMARY KEY,
  slot_id uuid NOT NULL,
  comparison_id uuid NOT NULL,
  labeler_id uuid NOT NULL REFERENCES labelers,
  outcome text NOT NULL CHECK (outcome IN ('ranked', 'tie', 'both_bad', 'skipped')),
  -- Rank of each response in the order of comparison_responses.position; 1 = best, equal responses share a rank.
  ranks integer[] NOT NULL,
  -- Positions of the responses in the order in which they were shown.
  displayed_order integer[] NOT NULL,
  guideline_version integer NOT NULL CHECK (guideline_version > 0),
  duration_ms integer CHECK (duration_ms >= 0),
  reason text,
  supersedes uuid UNIQUE REFERENCES judgements,
  idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 200),
  body_hash char(64) NOT NULL CHECK (body_hash ${SHA256}),
  answer jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (labeler_id, idempotency_key),
  FOREIGN KEY (slot_id, comparison_id) REFERENCES slots (id, comparison_id),
  CONSTRAINT ranks_fit_outcome CHECK (
    CASE WHEN outcome = 'ranked'
      THEN cardinality(ranks) = cardinality(displayed_order)
        AND 1 = ANY (ranks) AND 1 < ANY (ranks) AND 1 <= ALL (ranks) AND cardinality(ranks) >= ALL (ranks)
      ELSE cardinality(ranks) = 0
    END),
  CONSTRAINT only_skips_lack_a_duration CHECK (outcome = 'skipped' OR duration_ms IS NOT NULL),
  CONSTRAINT only_skips_give_a_reason CHECK (outcome = 'skipped' OR reason IS NULL)
);
CREATE UNIQUE INDEX judgements_first_of_slot ON judgements (slot_id) WHERE supersedes IS NULL;
CREATE INDEX judgements_comparison ON judgements (comparison_id);

CREATE TABLE preference_snapshots (
  step_id uuid PRIMARY KEY REFERENCES collections,
  artifact_id char(64) NOT NULL REFERENCES artifacts,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX preference_snapshots_artifact ON preference_snapshots (artifact_id);

-- Line \`position\` of the snapshot's list of preferences is what this judgement said.
CREATE TABLE snapshot_judgements (
  step_id uuid NOT NULL REFERENCES preference_snapshots,
  position integer NOT NULL CHECK (position >= 0),
  judgement_id uuid NOT NULL REFERENCES judgements,
  PRIMARY KEY (step_id, position),
  UNIQUE (step_id, judgement_id)
);
CREATE INDEX snapshot_judgements_judgement ON snapshot_judgements (judgement_id);
`;

const record = `
CREATE TABLE events (
  seq bigserial PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  at timestamptz NOT NULL,
  actor_kind text NOT NULL CHECK (actor_kind IN ('user', 'labeler', 'service')),
  actor_id text NOT NULL CHECK (actor_id <> ''),
  action text NOT NULL CHECK (action ~ '^[a-z]+\\.[a-z]+$'),
  subject_type text NOT NULL CHECK (subject_type <> ''),
  subject_id text NOT NULL CHECK (subject_id <> ''),
  run_id uuid REFERENCES runs,
  payload jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
  -- The whole event as canonical JSON, and its hash: what an exported record is checked against.
  canonical text NOT NULL,
  sha256 char(64) NOT NULL,
  CONSTRAINT hash_of_canonical CHECK (sha256 = encode(sha256(convert_to(canonical, 'UTF8')), 'hex')),
  CONSTRAINT payload_of_canonical CHECK (payload = (canonical::jsonb) -> 'payload')
);
CREATE INDEX events_run ON events (run_id, seq);

CREATE TABLE outbox (
  id bigserial PRIMARY KEY,
  run_id uuid NOT NULL REFERENCES runs,
  topic text NOT NULL CHECK (topic <> ''),
  created_at timestamptz NOT NULL DEFAULT now(),
  dispatched_at timestamptz
);
CREATE INDEX outbox_undispatched ON outbox (id) WHERE dispatched_at IS NULL;
`;

const appendOnly = `
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
${APPEND_ONLY.map(
  (table) =>
    `CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${table}
       FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();`,
).join('\n')}
`;

const privileges = `
GRANT USAGE ON SCHEMA public TO plumbline_app;
GRANT SELECT, INSERT ON ${[...APPEND_ONLY, ...MUTABLE, 'sessions'].join(', ')} TO plumbline_app;
GRANT UPDATE ON ${MUTABLE.join(', ')} TO plumbline_app;
GRANT DELETE ON sessions TO plumbline_app;
GRANT USAGE ON SEQUENCE events_seq_seq, outbox_id_seq TO plumbline_app;
`;
