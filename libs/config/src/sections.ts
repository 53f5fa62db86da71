import 'reflect-metadata';
import {
  ACTIVATIONS,
  DEFAULT_TEXT_KEY,
  INPUT_NAMES,
  MAXIMUM_SIMULATED_LABELERS,
  REWARD_AGGREGATIONS,
  REWARD_MARGINS,
  STEP_NAMES,
  TRAINING_DEFAULTS,
  type Activation,
  type CollectConfiguration,
  type EvaluateConfiguration,
  type FrontierConfiguration,
  type InputName,
  type LanguageModelTrainingConfiguration,
  type ModelConfiguration,
  type PretrainConfiguration,
  type RewardAggregation,
  type RewardConfiguration,
  type RewardMargin,
  type RewardModelSize,
  type RunConfiguration,
  type SampleConfiguration,
  type SftConfiguration,
  type StepName,
  type StudyConfiguration,
} from '@plumbline/contracts';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { Count, Fraction, LabelerWeights, NotNegative, Positive, Section, Share } from './constraints.js';
import { OptimiseSection } from './optimise-section.js';

const MAXIMUM_SEED = 2 ** 32 - 1;
/** 256 bytes, the end-of-text token and at least one merge. */
const MINIMUM_VOCABULARY = 258;

/*
 * The run configuration as class-validator sees it: one class a section, defaults as initial values. The meaning and
 * unit of each key is documented at the interface it implements.
 */

export class ModelSection implements ModelConfiguration {
  @Count() @Max(200) readonly layers: number = 4;
  @Count() @Max(1024) readonly heads: number = 4;
  @Count() @Max(65_536) readonly width: number = 128;
  @Count(2) @Max(1_048_576) readonly context: number = 64;
  @Count(MINIMUM_VOCABULARY) @Max(1_000_000) readonly vocabulary: number = 1024;
  @IsOptional() @Share() readonly dropout?: number;
  @IsOptional() @IsIn(ACTIVATIONS) readonly activation?: Activation;
  @IsOptional() @IsBoolean() readonly tiedEmbeddings?: boolean;
}

abstract class LanguageModelTrainingSection implements LanguageModelTrainingConfiguration {
  @Count() readonly batch: number = 32;
  @Count() readonly accumulation: number = TRAINING_DEFAULTS.accumulation;
  @Positive() readonly learningRate: number = 1e-3;
  @Count(0) readonly warmup: number = 50;
  @IsIn(['cosine', 'linear']) readonly schedule: 'cosine' | 'linear' = TRAINING_DEFAULTS.schedule;
  @Fraction() readonly finalShare: number = TRAINING_DEFAULTS.finalShare;
  @NotNegative() readonly weightDecay: number = TRAINING_DEFAULTS.weightDecay;
  @Share() readonly beta1: number = TRAINING_DEFAULTS.beta1;
  @Share() readonly beta2: number = TRAINING_DEFAULTS.beta2;
  @Positive() readonly maximumGradientNorm: number = TRAINING_DEFAULTS.maximumGradientNorm;
  @Count() readonly checkpointEvery: number = 200;
  @IsOptional() @Count() readonly evaluateEvery?: number;
}

export class PretrainSection extends LanguageModelTrainingSection implements PretrainConfiguration {
  @IsString() @IsNotEmpty() readonly corpus: string = 'sotu';
  @IsString() @IsNotEmpty() readonly textKey: string = DEFAULT_TEXT_KEY;
  @Count() readonly tokens: number = 2_000_000;
}

export class SftSection extends LanguageModelTrainingSection implements SftConfiguration {
  @IsString() @IsNotEmpty() readonly data!: string;
  @Count() readonly epochs: number = 1;
  @Count() override readonly batch: number = 16;
  @Positive() override readonly learningRate: number = 1e-4;
  @Count(0) override readonly warmup: number = 10;
  @IsIn(['refuse', 'truncate', 'drop']) readonly longRows: 'refuse' | 'truncate' | 'drop' = 'refuse';
  @Count() override readonly checkpointEvery: number = 100;
}

export class SampleSection implements SampleConfiguration {
  @Count() readonly promptTokens: number = 24;
  @Count() readonly responseTokens: number = 24;
  @IsInt() @Min(2) @Max(9) readonly responsesPerPrompt: number = 2;
  @Count(2) readonly comparisons: number = 2000;
  @Positive() readonly temperature: number = 0.9;
  @Count() readonly heldOut: number = 400;
}

export class CollectSection implements CollectConfiguration {
  @Count() @Max(1000) readonly judgementsPerComparison: number = 1;
  @IsOptional() @Count() @Max(MAXIMUM_SIMULATED_LABELERS) readonly simulatedLabelers?: number;
  @IsString() @IsNotEmpty() @MaxLength(20_000) readonly guideline: string =
    'Choose the response that continues the text in the more positive, hopeful tone. If neither is better, say so.';
  @Positive() readonly simulatedNoise: number = 1;
  @IsOptional() @IsBoolean() readonly recordLabelers?: boolean;
}

export class RewardSection implements RewardConfiguration {
  @Count() readonly epochs: number = 1;
  @Count() readonly batch: number = 32;
  @Positive() readonly learningRate: number = 5e-5;
  @Count() readonly checkpointEvery: number = 50;
  @IsOptional() @IsIn(REWARD_MARGINS) readonly margin?: RewardMargin;
  @IsOptional() @IsBoolean() readonly confidenceWeights?: boolean;
  @IsOptional() @LabelerWeights() readonly labelerWeights?: 'equal' | Readonly<Record<string, number>>;
  @IsOptional() @NotNegative() readonly centring?: number;
  @IsOptional() @Count() @Max(100) readonly ensemble?: number;
  @IsOptional() @IsIn(REWARD_AGGREGATIONS) readonly aggregation?: RewardAggregation;
  @IsOptional() @NotNegative() readonly conservatism?: number;
  @IsOptional() @Count() readonly comparisons?: number;
}

export class FrontierSection implements FrontierConfiguration {
  @Count(2) @Max(1024) readonly samples: number = 16;
  @Count() @Max(100) readonly checkpoints: number = 4;
}

export class EvaluateSection implements EvaluateConfiguration {
  @Count(2) readonly prompts: number = 512;
  @Count(2) @Max(64) readonly bestOf: number = 4;
  @Section(() => FrontierSection) readonly frontier: FrontierSection = new FrontierSection();
}

export class RewardModelSizeSection implements RewardModelSize {
  @Count() @Max(200) readonly layers!: number;
  @Count() @Max(1024) readonly heads!: number;
  @Count() @Max(65_536) readonly width!: number;
}

/** More would be more runs than anybody looks at. */
const MAXIMUM_STUDIED = 12;

export class StudySection implements StudyConfiguration {
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAXIMUM_STUDIED)
  @ValidateNested({ each: true })
  @Type(() => RewardModelSizeSection)
  readonly rewardModels!: RewardModelSizeSection[];

  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAXIMUM_STUDIED)
  @IsInt({ each: true })
  @Min(1, { each: true })
  readonly labels!: number[];
}

const ARTIFACT_ID = { message: 'must be an artifact id: 64 hexadecimal digits' };

export class InputsSection implements Partial<Record<InputName, string>> {
  @IsOptional() @Matches(/^[0-9a-f]{64}$/, ARTIFACT_ID) readonly model?: string;
  @IsOptional() @Matches(/^[0-9a-f]{64}$/, ARTIFACT_ID) readonly rewardBase?: string;
  @IsOptional() @Matches(/^[0-9a-f]{64}$/, ARTIFACT_ID) readonly comparisons?: string;
  @IsOptional() @Matches(/^[0-9a-f]{64}$/, ARTIFACT_ID) readonly preferences?: string;
  @IsOptional() @Matches(/^[0-9a-f]{64}$/, ARTIFACT_ID) readonly reward?: string;
  @IsOptional() @Matches(/^[0-9a-f]{64}$/, ARTIFACT_ID) readonly policy?: string;
}
INPUT_NAMES satisfies readonly (keyof InputsSection)[];

export class RunSections implements RunConfiguration {
  @IsString() @IsNotEmpty() @MaxLength(200) readonly name!: string;
  @IsInt() @Min(0) @Max(MAXIMUM_SEED) readonly seed: number = 1;
  @IsOptional() @IsIn(STEP_NAMES) readonly step?: StepName;
  @Section(() => InputsSection) readonly inputs: InputsSection = new InputsSection();
  @Section(() => ModelSection) readonly model: ModelSection = new ModelSection();
  @Section(() => PretrainSection) readonly pretrain: PretrainSection = new PretrainSection();
  @IsOptional() @Section(() => SftSection) readonly sft?: SftSection;
  @Section(() => SampleSection) readonly sample: SampleSection = new SampleSection();
  @Section(() => CollectSection) readonly collect: CollectSection = new CollectSection();
  @Section(() => RewardSection) readonly reward: RewardSection = new RewardSection();
  @Section(() => OptimiseSection) readonly optimise: OptimiseSection = new OptimiseSection();
  @Section(() => EvaluateSection) readonly evaluate: EvaluateSection = new EvaluateSection();
  @IsOptional() @Section(() => StudySection) readonly study?: StudySection;
}
