import type { Algorithm } from '@plumbline/contracts';
import type { Optimiser } from './optimiser.js';
import { ppo } from './ppo.js';
import { online } from './online.js';

/** The optimisers by the name that `optimise.algorithm` calls them. */
export const OPTIMISERS: Readonly<Record<Algorithm, Optimiser>> = {
  ppo: online(ppo),
};
