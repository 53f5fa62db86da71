import type {
  Message,
  Outcome,
  PreferenceFormatName,
  PreferenceSource,
  TextPart,
} from '@plumbline/contracts';
import { Column, Entity, JoinColumn, ManyToOne, OneToMany, PrimaryColumn, type Relation } from 'typeorm';
import { Labeler } from './people.js';
import { Artifact, Step } from './runs.js';

@Entity('prompts')
export class Prompt {
  @PrimaryColumn('uuid') id!: string;
  /** SHA-256 of the canonical messages. */
  @Column('char', { length: 64 }) key!: string;
  @Column('jsonb') content!: Message[];
}

@Entity('responses')
export class Response {
  @PrimaryColumn('uuid') id!: string;
  @Column('char', { length: 64 }) key!: string;
  @Column('jsonb') content!: TextPart[];
}

/** What labelers are asked to go by; a new version is a new row. */
@Entity('guidelines')
export class Guideline {
  @PrimaryColumn('uuid') stepId!: string;
  @PrimaryColumn('integer') version!: number;
  @Column('text') text!: string;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
  @ManyToOne(() => Step) @JoinColumn() step!: Relation<Step>;
}

/** `simulated`: reserved for simulated labelers unless somebody asks for this very run. */
export type Audience = 'people' | 'simulated';

/** A comparison set put before labelers by a collect step. */
@Entity('collections')
export class Collection {
  @PrimaryColumn('uuid') stepId!: string;
  @Column('uuid') runId!: string;
  @Column('char', { length: 64 }) comparisonSet!: string;
  @Column('bigint', { transformer: { from: Number, to: (value: number) => value } }) seed!: number;
  @Column('integer') guidelineVersion!: number;
  @Column('text') audience!: Audience;
  @Column('integer') judgementsPerComparison!: number;
  /** Judgements wanted, skips not counted. */
  @Column('integer') required!: number;
  @Column('integer', { default: 0 }) judged!: number;
  @Column('timestamptz', { default: () => 'now()' }) publishedAt!: Date;
  /** Set when the snapshot is taken: nothing is judged afterwards. */
  @Column('timestamptz', { nullable: true }) frozenAt!: Date | null;
  @ManyToOne(() => Step) @JoinColumn() step!: Relation<Step>;
}

@Entity('collection_labelers')
export class CollectionLabeler {
  @PrimaryColumn('uuid') stepId!: string;
  @PrimaryColumn('uuid') labelerId!: string;
  @Column('integer') judged!: number;
}

@Entity('comparisons')
export class Comparison {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') stepId!: string;
  /** In the comparison set. */
  @Column('integer') position!: number;
  @Column('char', { length: 64 }) key!: string;
  @Column('text') split!: 'train' | 'heldOut';
  @Column('uuid') promptId!: string;
  @ManyToOne(() => Prompt) @JoinColumn() prompt!: Relation<Prompt>;
  @OneToMany(() => ComparisonResponse, (response) => response.comparison)
  responses!: Relation<ComparisonResponse>[];
}

@Entity('comparison_responses')
export class ComparisonResponse {
  @PrimaryColumn('uuid') comparisonId!: string;
  @PrimaryColumn('integer') position!: number;
  @Column('uuid') responseId!: string;
  @ManyToOne(() => Comparison, (comparison) => comparison.responses)
  @JoinColumn()
  comparison!: Relation<Comparison>;
  @ManyToOne(() => Response) @JoinColumn() response!: Relation<Response>;
}

/** One judgement that is wanted of a comparison; a labeler takes it by lease. */
@Entity('slots')
export class Slot {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') stepId!: string;
  @Column('uuid') comparisonId!: string;
  @Column('integer') ordinal!: number;
  @Column('integer') position!: number;
  @Column('uuid', { nullable: true }) labelerId!: string | null;
  @Column('text') state!: 'open' | 'leased' | 'done' | 'skipped' | 'imported';
  @Column('timestamptz', { nullable: true }) leaseExpiresAt!: Date | null;
  @ManyToOne(() => Comparison) @JoinColumn() comparison!: Relation<Comparison>;
  @ManyToOne(() => Labeler) @JoinColumn() labeler!: Relation<Labeler> | null;
}

/** What a labeler said. Never changed; a correction is another row that supersedes it. */
@Entity('judgements')
export class Judgement {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') slotId!: string;
  @Column('uuid') comparisonId!: string;
  @Column('uuid') labelerId!: string;
  @Column('text') outcome!: Outcome;
  /** By position of the response in the comparison set; empty unless ranked. */
  @Column('integer', { array: true }) ranks!: number[];
  /** Positions of the responses in the order shown; empty: not known, of an imported one. */
  @Column('integer', { array: true }) displayedOrder!: number[];
  @Column('integer', { nullable: true }) guidelineVersion!: number | null;
  /** 1 = certainly the first response, 9 = certainly the second. */
  @Column('smallint', { nullable: true }) confidence!: number | null;
  /** By how much the better response is ahead, in units of reward. */
  @Column('double precision', { nullable: true }) margin!: number | null;
  /** Whether it was made elsewhere. */
  @Column('boolean', { default: false }) imported!: boolean;
  /** When it was made, of an imported one, where that is known. */
  @Column('timestamptz', { nullable: true }) judgedAt!: Date | null;
  @Column('integer', { nullable: true }) durationMs!: number | null;
  /** Why it was skipped. */
  @Column('text', { nullable: true }) reason!: string | null;
  @Column('uuid', { nullable: true }) supersedes!: string | null;
  @Column('text') idempotencyKey!: string;
  @Column('char', { length: 64 }) bodyHash!: string;
  /** What was answered, to be answered again to the same request. */
  @Column('jsonb') answer!: Record<string, unknown>;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
  @ManyToOne(() => Slot) @JoinColumn() slot!: Relation<Slot>;
  @ManyToOne(() => Labeler) @JoinColumn() labeler!: Relation<Labeler>;
}

/** A preference file whose judgements are a run's. */
@Entity('preference_imports')
export class PreferenceImport {
  @PrimaryColumn('uuid') runId!: string;
  @Column('char', { length: 64 }) contentHash!: string;
  @Column('text') fileName!: string;
  @Column('char', { length: 64 }) fileSha256!: string;
  @Column('bigint', { transformer: { from: Number, to: (value: number) => value } }) fileBytes!: number;
  @Column('text') format!: PreferenceFormatName;
  @Column('char', { length: 64, nullable: true }) model!: string | null;
  @Column('char', { length: 64, nullable: true }) tokenizer!: string | null;
  @Column('jsonb') counts!: ImportCounts;
  @Column('uuid') importedBy!: string;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
}

export interface ImportCounts extends Pick<PreferenceSource, 'rows' | 'leftOut' | 'truncated'> {
  readonly comparisons: number;
  readonly heldOut: number;
  /** Skips not counted. */
  readonly judgements: number;
}

@Entity('imported_labelers')
export class ImportedLabeler {
  @PrimaryColumn('uuid') labelerId!: string;
  @Column('uuid') runId!: string;
  /** As the file has it; null: it names nobody. */
  @Column('text', { nullable: true }) name!: string | null;
}

/** The frozen list of judgements that a preference artifact was made of. */
@Entity('preference_snapshots')
export class PreferenceSnapshotRow {
  @PrimaryColumn('uuid') stepId!: string;
  @Column('char', { length: 64 }) artifactId!: string;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
  @ManyToOne(() => Artifact) @JoinColumn() artifact!: Relation<Artifact>;
}

@Entity('snapshot_judgements')
export class SnapshotJudgement {
  @PrimaryColumn('uuid') stepId!: string;
  /** Line of the snapshot. */
  @PrimaryColumn('integer') position!: number;
  @Column('uuid') judgementId!: string;
  @ManyToOne(() => Judgement) @JoinColumn() judgement!: Relation<Judgement>;
}
