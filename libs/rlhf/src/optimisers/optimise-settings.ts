import type {
  AdamConfiguration,
  KlConfiguration,
  MissingEndOfTextConfiguration,
  OptimiseConfiguration,
  ValueConfiguration,
} from '@plumbline/contracts';
import { ADAMW_DEFAULTS } from '@plumbline/training';
import { VALUE_DEFAULTS } from '../policy/actor-critic.js';

type Defaulted =
  'accumulation' | 'schedule' | 'warmup' | 'maximumGradientNorm' | 'whitenAdvantages' | 'heldOutPrompts';

/** The section `optimise` with nothing left out but what stands for "off" and the algorithms' own sections. */
export interface OptimiseSettings
  extends Omit<OptimiseConfiguration, Defaulted>, Required<Pick<OptimiseConfiguration, Defaulted>> {
  readonly adam: Required<AdamConfiguration>;
  readonly missingEndOfText: MissingEndOfTextConfiguration;
  readonly value: Required<ValueConfiguration>;
  readonly kl: Required<KlConfiguration>;
}

/** What absent keys mean, as their documentation in contracts has it. */
export function completeSettings(configuration: OptimiseConfiguration): OptimiseSettings {
  return {
    accumulation: 1,
    schedule: 'linear',
    warmup: 0,
    maximumGradientNorm: 1,
    whitenAdvantages: true,
    heldOutPrompts: 0,
    ...configuration,
    adam: { form: 'pytorch', ...ADAMW_DEFAULTS, weightDecay: 0, ...configuration.adam },
    missingEndOfText: configuration.missingEndOfText ?? { rule: 'off', value: 0 },
    value: { ...VALUE_DEFAULTS, ...configuration.value },
    kl: { estimator: 'k1', placement: 'reward', ...configuration.kl },
  };
}
