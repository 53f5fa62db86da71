import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The step `sft`, between pretraining and sampling. */
export class SupervisedFineTuning1795480800000 implements MigrationInterface {
  readonly name = 'SupervisedFineTuning1795480800000';

  up(queryRunner: QueryRunner): Promise<void> {
    return allowSteps(queryRunner, [...FORMER_STEPS, 'sft']);
  }

  /** Fails while there are runs with the step. */
  down(queryRunner: QueryRunner): Promise<void> {
    return allowSteps(queryRunner, FORMER_STEPS);
  }
}

const FORMER_STEPS = ['pretrain', 'sample', 'collect', 'reward', 'optimise', 'evaluate'];

/** The checks of columns have the names that Postgres gave them. */
async function allowSteps(queryRunner: QueryRunner, names: readonly string[]): Promise<void> {
  const list = names.map((name) => `'${name}'`).join(', ');
  await queryRunner.query(`
    ALTER TABLE runs DROP CONSTRAINT runs_from_step_check,
      ADD CONSTRAINT runs_from_step_check CHECK (from_step IN (${list}));
    ALTER TABLE steps DROP CONSTRAINT steps_name_check,
      ADD CONSTRAINT steps_name_check CHECK (name IN (${list}));
  `);
}
