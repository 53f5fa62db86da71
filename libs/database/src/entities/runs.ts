import type { RunConfiguration, Status, StepInputs, StepName } from '@plumbline/contracts';
import { Column, Entity, JoinColumn, ManyToOne, OneToMany, PrimaryColumn, type Relation } from 'typeorm';
import { User } from './people.js';

/** A blob of the artifact store that the record knows of. */
@Entity('artifacts')
export class Artifact {
  /** SHA-256 of the content, hex. */
  @PrimaryColumn('char', { length: 64 }) id!: string;
  @Column('text') kind!: string;
  @Column('text') mediaType!: string;
  /** Size; a number below 2⁵³ that Postgres sends as text. */
  @Column('bigint', { transformer: { from: Number, to: (value: number) => value } }) bytes!: number;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
}

/** One execution of a workflow with a frozen, hashed configuration. */
@Entity('runs')
export class Run {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') name!: string;
  @Column('text', { nullable: true }) preset!: string | null;
  @Column('text') workflowId!: string;
  @Column('text') status!: Status;
  @Column('jsonb') configuration!: RunConfiguration;
  @Column('char', { length: 64 }) configurationHash!: string;
  @Column('bigint', { transformer: { from: Number, to: (value: number) => value } }) seed!: number;
  /** Artifacts the run starts from. */
  @Column('jsonb') inputs!: StepInputs;
  /** First step to execute; earlier ones are taken from `inputs`. */
  @Column('text', { nullable: true }) fromStep!: StepName | null;
  @Column('uuid', { nullable: true }) forkedFrom!: string | null;
  /** The study that started it. */
  @Column('uuid', { nullable: true }) studyId!: string | null;
  /** What it is within its study. */
  @Column('text', { nullable: true }) studyMember!: string | null;
  @Column('uuid') startedBy!: string;
  /** Of the code: null outside a git checkout. */
  @Column('text', { nullable: true }) commit!: string | null;
  @Column('boolean', { nullable: true }) dirty!: boolean | null;
  @Column('char', { length: 64, nullable: true }) lockfileHash!: string | null;
  /** Library name to version. */
  @Column('jsonb') versions!: Record<string, string>;
  @Column('jsonb') machine!: Record<string, string | number>;
  @Column('boolean', { default: false }) pauseRequested!: boolean;
  @Column('text', { nullable: true }) error!: string | null;
  @Column('char', { length: 64, nullable: true }) reportJson!: string | null;
  @Column('char', { length: 64, nullable: true }) reportHtml!: string | null;
  @Column('char', { length: 64, nullable: true }) historyArtifact!: string | null;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { nullable: true }) startedAt!: Date | null;
  @Column('timestamptz', { nullable: true }) finishedAt!: Date | null;

  @ManyToOne(() => User) @JoinColumn({ name: 'started_by' }) starter!: Relation<User>;
  @OneToMany(() => Step, (step) => step.run) steps!: Relation<Step>[];
}

/** What a step's worker last said about how far it is. */
export interface StoredProgress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

/** One stage of a run. */
@Entity('steps')
export class Step {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') runId!: string;
  @Column('text') name!: StepName;
  @Column('text') status!: Status;
  /** Attempts so far; commits of an earlier attempt are refused. */
  @Column('integer', { default: 0 }) epoch!: number;
  /** The execution plan that every attempt uses. */
  @Column('jsonb', { nullable: true }) plan!: Record<string, unknown> | null;
  @Column('jsonb', { nullable: true }) progress!: StoredProgress | null;
  @Column('text', { nullable: true }) error!: string | null;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { nullable: true }) startedAt!: Date | null;
  @Column('timestamptz', { nullable: true }) finishedAt!: Date | null;

  @ManyToOne(() => Run, (run) => run.steps) @JoinColumn() run!: Relation<Run>;
  @OneToMany(() => StepArtifact, (artifact) => artifact.step) artifacts!: Relation<StepArtifact>[];
  @OneToMany(() => Checkpoint, (checkpoint) => checkpoint.step) checkpoints!: Relation<Checkpoint>[];
}

/** A named input or output of a step. */
@Entity('step_artifacts')
export class StepArtifact {
  @PrimaryColumn('uuid') stepId!: string;
  @PrimaryColumn('text') direction!: 'input' | 'output';
  @PrimaryColumn('text') name!: string;
  @Column('char', { length: 64 }) artifactId!: string;
  @ManyToOne(() => Step, (step) => step.artifacts) @JoinColumn() step!: Relation<Step>;
  @ManyToOne(() => Artifact) @JoinColumn() artifact!: Relation<Artifact>;
}

@Entity('checkpoints')
export class Checkpoint {
  @PrimaryColumn('uuid') stepId!: string;
  /** Updates or iterations done. */
  @PrimaryColumn('integer') index!: number;
  @Column('char', { length: 64 }) artifactId!: string;
  /** The attempt that committed it. */
  @Column('integer') epoch!: number;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
  @ManyToOne(() => Step, (step) => step.checkpoints) @JoinColumn() step!: Relation<Step>;
  @ManyToOne(() => Artifact) @JoinColumn() artifact!: Relation<Artifact>;
}

@Entity('metrics')
export class Metric {
  @PrimaryColumn('uuid') stepId!: string;
  @PrimaryColumn('text') name!: string;
  /** Update or iteration the value was measured at. */
  @PrimaryColumn('integer') index!: number;
  @Column('double precision') value!: number;
  @ManyToOne(() => Step) @JoinColumn() step!: Relation<Step>;
}
