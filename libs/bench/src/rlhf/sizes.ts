/** The models that preference training and policy optimisation are measured on, and the work done with each. */
import type { ModelConfiguration } from '@plumbline/contracts';

export interface RlhfSize {
  readonly name: string;
  /** Of policy, value network, reference policy and reward model alike. */
  readonly model: ModelConfiguration;
  readonly promptTokens: number;
  readonly newTokens: number;
}

/** The demo's model, and one four times as large. */
export const RLHF_SIZES: readonly RlhfSize[] = [
  {
    name: '4x128',
    model: { layers: 4, heads: 4, width: 128, context: 64, vocabulary: 2048 },
    promptTokens: 24,
    newTokens: 24,
  },
  {
    name: '4x256',
    model: { layers: 4, heads: 4, width: 256, context: 64, vocabulary: 4096 },
    promptTokens: 32,
    newTokens: 32,
  },
];
