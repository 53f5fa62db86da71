import type { Actor, EventAction, EventSubject } from '@plumbline/audit';
import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/** One change of state. Append-only. */
@Entity('events')
export class EventRow {
  /** Order of the record, as text (64 bits). */
  @PrimaryColumn('bigint') seq!: string;
  @Column('uuid') id!: string;
  @Column('timestamptz') at!: Date;
  @Column('text') actorKind!: Actor['kind'];
  @Column('text') actorId!: string;
  @Column('text') action!: EventAction;
  @Column('text') subjectType!: EventSubject['type'];
  @Column('text') subjectId!: string;
  @Column('uuid', { nullable: true }) runId!: string | null;
  @Column('jsonb') payload!: Record<string, unknown>;
  @Column('text') canonical!: string;
  @Column('char', { length: 64 }) sha256!: string;
}

/** Something a waiting workflow is to be told, committed together with what happened. */
@Entity('outbox')
export class OutboxRow {
  @PrimaryGeneratedColumn({ type: 'bigint' }) id!: string;
  @Column('uuid') runId!: string;
  @Column('text') topic!: string;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { nullable: true }) dispatchedAt!: Date | null;
}
