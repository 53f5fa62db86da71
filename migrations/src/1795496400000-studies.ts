import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Runs that a study starts: each knows its study, and what it is within it. */
export class Studies1795496400000 implements MigrationInterface {
  readonly name = 'Studies1795496400000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE runs
        ADD COLUMN study_id uuid REFERENCES runs,
        -- Unique within the study: the same run is started once.
        ADD COLUMN study_member text CHECK (study_member <> ''),
        ADD CONSTRAINT members_have_a_study CHECK ((study_id IS NULL) = (study_member IS NULL)),
        ADD CONSTRAINT runs_study_member_once UNIQUE (study_id, study_member);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE runs
        DROP CONSTRAINT runs_study_member_once, DROP CONSTRAINT members_have_a_study,
        DROP COLUMN study_member, DROP COLUMN study_id;
    `);
  }
}
