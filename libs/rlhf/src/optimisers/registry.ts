import type { Algorithm } from '@plumbline/contracts';
import { bestOfN } from './best-of-n.js';
import { dpo } from './dpo.js';
import { grpo } from './grpo.js';
import { online } from './online.js';
import type { Optimiser } from './optimiser.js';
import { ppo } from './ppo.js';
import { rloo } from './rloo.js';

/** The optimisers by the name that `optimise.algorithm` calls them. */
export const OPTIMISERS: Readonly<Record<Algorithm, Optimiser>> = {
  ppo: online(ppo),
  rloo: online(rloo),
  grpo: online(grpo),
  dpo,
  'best-of-n': bestOfN,
};
