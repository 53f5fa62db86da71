import type { Role } from '@plumbline/contracts';
import { Column, Entity, JoinColumn, ManyToOne, OneToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Run } from './runs.js';

/** `service`: a program of Plumbline's own; `simulated`: a simulated labeler. Neither has a password. */
export type UserKind = 'person' | 'service' | 'simulated';

@Entity('users')
export class User {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') kind!: UserKind;
  /** Lower case. */
  @Column('text') email!: string;
  @Column('text') displayName!: string;
  @Column('text') role!: Role;
  /** argon2id, in PHC form. */
  @Column('text', { nullable: true }) passwordHash!: string | null;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
}

/** The pseudonym that judgements point to. */
@Entity('labelers')
export class Labeler {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') kind!: 'person' | 'simulated' | 'imported';
  @Column('text') pseudonym!: string;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
}

/** Which user is which labeler; kept apart so that records of judgements need not contain people. */
@Entity('labeler_identities')
export class LabelerIdentity {
  @PrimaryColumn('uuid') labelerId!: string;
  @Column('uuid') userId!: string;
  @OneToOne(() => Labeler) @JoinColumn() labeler!: Relation<Labeler>;
  @OneToOne(() => User) @JoinColumn() user!: Relation<User>;
}

/** A browser's session; the cookie holds the token, the database its SHA-256. */
@Entity('sessions')
export class Session {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') userId!: string;
  @Column('char', { length: 64 }) tokenHash!: string;
  @Column('text') csrfToken!: string;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz') expiresAt!: Date;
  @ManyToOne(() => User) @JoinColumn() user!: Relation<User>;
}

/** A program's bearer token, by its SHA-256; with a run, it is good for labeling that run only. */
@Entity('api_tokens')
export class ApiToken {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') userId!: string;
  @Column('text') name!: string;
  @Column('char', { length: 64 }) tokenHash!: string;
  @Column('uuid', { nullable: true }) runId!: string | null;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { nullable: true }) revokedAt!: Date | null;
  @ManyToOne(() => User) @JoinColumn() user!: Relation<User>;
  @ManyToOne(() => Run) @JoinColumn() run!: Relation<Run> | null;
}
