import { loadTensorFlow } from '@plumbline/compute';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  solveKnownAnswer,
  type KnownAnswer,
  type KnownAnswerAlgorithm,
} from '../test-support/known-answer.js';

/** `npm run drill:known-answer` asks for five seeds. */
const SEEDS = Array.from({ length: Number(process.env['KNOWN_ANSWER_SEEDS'] ?? 1) }, (_, i) => i + 1);
const BETAS = [0.3, 1];
const ALGORITHMS: readonly KnownAnswerAlgorithm[] = ['ppo', 'rloo', 'grpo'];

const CASES = ALGORITHMS.flatMap((algorithm) =>
  BETAS.flatMap((beta) => SEEDS.map((seed) => ({ algorithm, beta, seed }))),
);

describe('a task whose best policy is known: π_ref·exp(r/β)/Z, worth β·log Z', () => {
  const lines: string[] = [];
  beforeAll(() => void loadTensorFlow({ device: 'cpu', threads: 2 }));
  afterAll(() => {
    if (SEEDS.length > 1) {
      console.log(['| | β | seed | objective | β·log Z | reached | distance | from |', ...lines].join('\n'));
    }
  });

  it.each(CASES)(
    '$algorithm finds it at β $beta (seed $seed)',
    async ({ algorithm, beta, seed }) => {
      const answer = await solveKnownAnswer(algorithm, beta, seed);
      lines.push(line(algorithm, beta, seed, answer));
      // The task is one: the reference policy is neither as good nor near.
      expect(answer.start).toBeLessThan(0.93 * answer.optimum);
      expect(answer.startDistance).toBeGreaterThan(0.1);
      expect(answer.objective).toBeLessThanOrEqual(answer.optimum + 1e-6);
      expect(answer.objective).toBeGreaterThan(0.95 * answer.optimum);
      expect(answer.distance).toBeLessThan(0.05);
    },
    120_000,
  );
});

function line(
  algorithm: string,
  beta: number,
  seed: number,
  { objective, optimum, distance, startDistance }: KnownAnswer,
): string {
  const cells = [
    algorithm,
    beta,
    seed,
    objective.toFixed(4),
    optimum.toFixed(4),
    `${((100 * objective) / optimum).toFixed(1)} %`,
    distance.toFixed(3),
    startDistance.toFixed(3),
  ];
  return `| ${cells.join(' | ')} |`;
}
