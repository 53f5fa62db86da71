/** `plumbline bench reward`: pairs a second of reward-model training, against TRL's RewardTrainer. */
import type { Bench } from '../bench.js';
import { runChosenSizes } from '../chosen-sizes.js';
import { RLHF_SIZES, type RlhfSize } from './sizes.js';
import type { RewardWork } from './task.js';
import { compareWithTrl } from './trl-comparison.js';

const DEFAULT_ROUNDS = 7;
/** Of the first loss, in nats; wide enough for bf16, which fp32 stays far below. */
const LOSS_TOLERANCE = 2e-2;

export const rewardBench: Bench = {
  name: 'reward',
  describes: 'pairs of responses that a reward model learns from a second, against TRL',
  standard: true,
  sizes: RLHF_SIZES.map(({ name }) => name),
  run: (context) =>
    runChosenSizes(RLHF_SIZES, context, (size) => {
      const work = rewardWork(size, context.threads);
      return compareWithTrl(
        {
          bench: 'reward',
          name: `reward/${size.name}`,
          work,
          unit: 'pairs/s',
          perUnit: work.batch,
          rounds: context.rounds ?? DEFAULT_ROUNDS,
          agreement: { value: 'loss', tolerance: LOSS_TOLERANCE },
          triedUnits: 3,
        },
        context,
      );
    }),
};

function rewardWork({ name: _, ...size }: RlhfSize, threads: number): Omit<RewardWork, 'weightsFile'> {
  return { ...size, threads, warmup: 3, batch: 32, learningRate: 5e-5 };
}
