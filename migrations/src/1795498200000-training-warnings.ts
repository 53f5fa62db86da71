import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Warnings are events; a run's are looked for at every look at the run, among many events of other kinds. */
export class TrainingWarnings1795498200000 implements MigrationInterface {
  readonly name = 'TrainingWarnings1795498200000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE INDEX events_warnings ON events (run_id, subject_id, seq) WHERE action = 'step.warned'`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP INDEX events_warnings`);
  }
}
