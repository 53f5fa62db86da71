/** The section `optimise` as class-validator sees it; its keys are documented at the interfaces it implements. */
import {
  ALGORITHMS,
  KL_ESTIMATORS,
  OPTIMISE_PRESETS,
  type AdamConfiguration,
  type Algorithm,
  type BestOfNConfiguration,
  type DpoConfiguration,
  type GrpoConfiguration,
  type KlConfiguration,
  type KlEstimatorName,
  type MissingEndOfTextConfiguration,
  type OptimiseConfiguration,
  type OptimisePreset,
  type RlooConfiguration,
  type ValueConfiguration,
} from '@plumbline/contracts';
import { IsBoolean, IsIn, IsNumber, IsOptional, Max } from 'class-validator';
import { Count, FINITE, Fraction, NotNegative, Positive, Section, Share } from './constraints.js';

export class KlSection implements KlConfiguration {
  @IsIn(['adaptive', 'fixed']) readonly controller: 'adaptive' | 'fixed' = 'adaptive';
  @NotNegative() readonly coefficient: number = 0.15;
  @Positive() readonly target: number = 6;
  @Positive() readonly horizon: number = 10_000;
  @IsOptional() @IsIn(KL_ESTIMATORS) readonly estimator?: KlEstimatorName;
  @IsOptional() @IsIn(['reward', 'loss']) readonly placement?: 'reward' | 'loss';
}

export class AdamSection implements AdamConfiguration {
  @IsOptional() @IsIn(['pytorch', 'tensorflow1']) readonly form?: 'pytorch' | 'tensorflow1';
  @IsOptional() @Share() readonly beta1?: number;
  @IsOptional() @Share() readonly beta2?: number;
  @IsOptional() @Positive() readonly epsilon?: number;
  @IsOptional() @NotNegative() readonly weightDecay?: number;
}

export class MissingEndOfTextSection implements MissingEndOfTextConfiguration {
  @IsIn(['off', 'constant', 'penalty']) readonly rule: 'off' | 'constant' | 'penalty' = 'off';
  @IsNumber(FINITE, { message: 'must be a finite number' }) readonly value: number = 0;
}

export class ValueSection implements ValueConfiguration {
  @IsIn(['separate', 'shared']) readonly network: 'separate' | 'shared' = 'separate';
  @IsOptional() @IsIn(['reward', 'pretrained']) readonly start?: 'reward' | 'pretrained';
}

export class RlooSection implements RlooConfiguration {
  @Count(2) readonly responsesPerPrompt: number = 4;
  @IsOptional() @IsBoolean() readonly normaliseAdvantages?: boolean;
}

export class GrpoSection implements GrpoConfiguration {
  @Count(2) readonly responsesPerPrompt: number = 8;
  @IsOptional() @IsIn(['group', 'batch', 'none']) readonly scaleRewards?: 'group' | 'batch' | 'none';
  @IsOptional()
  @IsIn(['sequence', 'token', 'constant'])
  readonly lossNormalisation?: 'sequence' | 'token' | 'constant';
}

export class DpoSection implements DpoConfiguration {
  @Positive() readonly beta: number = 0.1;
  @IsIn(['sigmoid', 'ipo']) readonly loss: 'sigmoid' | 'ipo' = 'sigmoid';
  @IsOptional()
  @NotNegative()
  @Max(0.5 - 2 ** -24, { message: 'must be below 0.5' })
  readonly labelSmoothing?: number;
}

export class BestOfNSection implements BestOfNConfiguration {
  @Count(2) @Max(1024) readonly n: number = 4;
}

export class OptimiseSection implements OptimiseConfiguration {
  @IsIn(ALGORITHMS) readonly algorithm: Algorithm = 'ppo';
  @IsOptional() @IsIn(OPTIMISE_PRESETS) readonly preset?: OptimisePreset;
  @Count() readonly episodes: number = 10_000;
  @Count() readonly batch: number = 64;
  @Count() readonly epochs: number = 4;
  @Count() readonly minibatches: number = 1;
  @IsOptional() @Count() readonly accumulation?: number;
  @Positive() readonly learningRate: number = 1e-4;
  @IsOptional() @IsIn(['linear', 'cosine', 'constant']) readonly schedule?: 'linear' | 'cosine' | 'constant';
  @IsOptional() @Count(0) readonly warmup?: number;
  @IsOptional() @Section(() => AdamSection) readonly adam?: AdamSection;
  @IsOptional() @Positive() readonly maximumGradientNorm?: number;
  @IsOptional() @Positive() readonly targetKl?: number;
  @Positive() readonly clip: number = 0.2;
  @Positive() readonly valueClip: number = 0.2;
  @Positive() readonly valueCoefficient: number = 0.1;
  @Fraction() readonly gamma: number = 1;
  @Fraction() readonly lambda: number = 0.95;
  @IsBoolean() readonly whitenRewards: boolean = false;
  @IsOptional() @IsBoolean() readonly whitenAdvantages?: boolean;
  @IsOptional()
  @Section(() => MissingEndOfTextSection)
  readonly missingEndOfText?: MissingEndOfTextSection;
  @IsOptional() @Section(() => ValueSection) readonly value?: ValueSection;
  @Section(() => KlSection) readonly kl: KlSection = new KlSection();
  @IsOptional() @Section(() => RlooSection) readonly rloo?: RlooSection;
  @IsOptional() @Section(() => GrpoSection) readonly grpo?: GrpoSection;
  @IsOptional() @Section(() => DpoSection) readonly dpo?: DpoSection;
  @IsOptional() @Section(() => BestOfNSection) readonly bestOfN?: BestOfNSection;
  @IsOptional() @Count(0) readonly heldOutPrompts?: number;
  @Count() readonly checkpointEvery: number = 20;
}
