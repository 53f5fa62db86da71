/** `plumbline bench ppo`: whole iterations of PPO a second, against TRL's PPOTrainer. */
import type { Bench } from '../bench.js';
import { runChosenSizes } from '../chosen-sizes.js';
import { RLHF_SIZES, type RlhfSize } from './sizes.js';
import type { PpoWork } from './task.js';
import { compareWithTrl } from './trl-comparison.js';

const DEFAULT_ROUNDS = 5;
/** Of the first rollout's entropy, in nats a sequence: a twentieth of what one token more or less would make. */
const ENTROPY_TOLERANCE = 2;

export const ppoBench: Bench = {
  name: 'ppo',
  describes: 'iterations of PPO a second, against TRL, the better of its fp32 and bf16',
  standard: true,
  sizes: RLHF_SIZES.map(({ name }) => name),
  run: (context) =>
    runChosenSizes(RLHF_SIZES, context, (size) =>
      compareWithTrl(
        {
          bench: 'ppo',
          name: `ppo/${size.name}`,
          work: ppoWork(size, context.threads),
          unit: 'iterations/s',
          perUnit: 1,
          rounds: context.rounds ?? DEFAULT_ROUNDS,
          // The same policy, temperature and number of tokens; which tokens is a matter of chance.
          agreement: { value: 'entropy', tolerance: ENTROPY_TOLERANCE },
          triedUnits: 1,
        },
        context,
      ),
    ),
};

export function ppoWork({ name: _, ...size }: RlhfSize, threads: number): Omit<PpoWork, 'weightsFile'> {
  return {
    ...size,
    threads,
    warmup: 1,
    batch: 64,
    epochs: 4,
    temperature: 0.7,
    learningRate: 1e-5,
    klCoefficient: 0.05,
  };
}
