/**
 * The JSON artifacts that steps hand to one another. Stored as canonical JSON, named by SHA-256; they contain nothing
 * of the run that made them (no ids of rows, times, people), so equal work has equal ids.
 */

/** One part of a message; text today, a reference to an artifact later. */
export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}
export interface Message {
  /** `document`: text that goes on; the others are turns of a conversation. */
  readonly role: 'system' | 'user' | 'assistant' | 'document';
  readonly parts: readonly TextPart[];
}

export interface SampledResponse {
  /** SHA-256 of the comparison key and the response's index. */
  readonly key: string;
  readonly text: string;
  readonly tokens: readonly number[];
}

export interface SampledComparison {
  /** SHA-256 of the canonical prompt and responses. */
  readonly key: string;
  readonly split: 'train' | 'heldOut';
  readonly prompt: readonly Message[];
  readonly promptTokens: readonly number[];
  readonly responses: readonly SampledResponse[];
}

/** Output of `sample` or of an import, input of `collect` and `reward`. */
export interface ComparisonSet {
  readonly kind: 'comparison-set';
  readonly comparisons: readonly SampledComparison[];
  /**
   * Of an import: artifact id of the tokenizer.json that the tokens are of; null: there are texts only, all tokens are
   * empty. A model with another tokenizer makes its own tokens of the texts. Absent: sampled, by a model whose tokenizer
   * every later step shares.
   */
  readonly tokenizer?: string | null;
}

export interface PreferenceRecord {
  readonly comparison: string;
  /** Overlap slot of the comparison, 0-based. */
  readonly ordinal: number;
  readonly outcome: 'ranked' | 'tie' | 'both_bad';
  /** Rank of each response in the comparison set's order, 1 = best; empty unless `ranked`. */
  readonly ranks: readonly number[];
  /**
   * How sure the labeler was, on the 9-point scale of Stiennon et al. (2020), in the comparison set's order: 1 =
   * certainly the first response, 9 = certainly the second, 5 = no lean. A whole number, for comparisons of two
   * responses only, on the side that the ranks are on (or 5); 5 for a tie. Absent: the labeler was not asked.
   */
  readonly confidence?: number;
  /**
   * By how much the better response should at least be ahead, in units of reward (the `margin` column of TRL; Touvron et
   * al. 2023, eq. 2); from 0, for comparisons of two responses only. Absent: not recorded.
   */
  readonly margin?: number;
  /** Pseudonym of the labeler; says nothing of who it is. Absent: not recorded. */
  readonly labeler?: string;
}

/**
 * Output of `collect` and of an import: sorted by (comparison, ordinal). Rows of the database tie it to judgements and
 * labelers. What a record leaves out is absent from the JSON, never null, so that snapshots without it keep their ids.
 */
export interface PreferenceSnapshot {
  readonly kind: 'preference-snapshot';
  readonly comparisons: string;
  readonly preferences: readonly PreferenceRecord[];
}

/** A mean or share with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

export interface EvaluatedSample {
  readonly prompt: string;
  readonly pretrained: string;
  readonly policy: string;
  readonly bestOf: string;
  readonly goldPretrained: number;
  readonly goldPolicy: number;
  readonly goldBestOf: number;
}

/** A policy on the frontier: what optimising the reward model bought, and how far it moved. */
export interface FrontierPoint {
  /** Nats per sequence against the pretrained model; of best-of-n log n − (n − 1)/n, known and not measured. */
  readonly kl: Estimate;
  readonly goldReward: Estimate;
  /** Score of the reward model that was optimised. */
  readonly proxyReward: Estimate;
  /** Share of prompts whose response scores higher than the baseline's; ties count half. */
  readonly goldWinRate: Estimate;
}

export interface PolicyFrontierPoint extends FrontierPoint {
  /** Iterations of policy optimisation done. */
  readonly index: number;
  readonly checkpoint: string;
}

export interface BestOfFrontierPoint extends FrontierPoint {
  readonly n: number;
}

/**
 * The form of Gao et al. (2022) that the gold reward follows, counted from the pretrained model's, at d = √KL:
 * d(α − βd) for best-of-n, d(α − β ln d) for a policy. Intervals: 95 %, bootstrap over prompts; `n` counts points.
 */
export interface FittedForm {
  readonly alpha: Estimate;
  readonly beta: Estimate;
  /** Where the gold reward is highest, as d; null: nowhere, it rises for ever. */
  readonly peak: {
    readonly distance: number | null;
    readonly low: number | null;
    readonly high: number | null;
  };
}

/** Gold and proxy reward against KL, for the policy as it was optimised and for best-of-n. */
export interface Frontier {
  /** Responses of the pretrained model a prompt, out of which best-of-n chooses in every possible way. */
  readonly samples: number;
  /** A response of the pretrained model, on average over those. */
  readonly pretrained: { readonly goldReward: Estimate; readonly proxyReward: Estimate };
  /** Checkpoints of the policy, `index` rising; the last is the policy. */
  readonly policy: readonly PolicyFrontierPoint[];
  /** n = 2, 4, 8 … */
  readonly bestOf: readonly BestOfFrontierPoint[];
  /** Null where fewer than three points, or points too close together, do not determine the form. */
  readonly fits: { readonly policy: FittedForm | null; readonly bestOf: FittedForm | null };
}

/**
 * Predicted preferences against judgements. Each judged pair counts from the side that the reward model predicts to be
 * preferred, so probabilities are between ½ and 1; a tie agrees half.
 */
export interface CalibrationCurve {
  /** Bins of equal width that hold a pair, probabilities rising. */
  readonly bins: readonly {
    readonly low: number;
    readonly high: number;
    /** Mean predicted probability of the pairs in the bin. */
    readonly predicted: number;
    /** Share of judgements that agree, bootstrap by prompt; `n` counts judged pairs. */
    readonly agreement: Estimate;
  }[];
  /** Mean over pairs of |agreement − predicted| of their bin. */
  readonly expectedCalibrationError: number;
}

/** Output of `evaluate`. All on the same held-out prompts, sampled at the training temperature. */
export interface EvaluationResult {
  readonly kind: 'evaluation';
  readonly prompts: number;
  readonly bestOf: number;
  readonly goldReward: {
    readonly pretrained: Estimate;
    readonly policy: Estimate;
    readonly bestOf: Estimate;
  };
  readonly proxyReward: {
    readonly pretrained: Estimate;
    readonly policy: Estimate;
    readonly bestOf: Estimate;
  };
  /** Share of prompts whose response scores higher than the pretrained model's; ties count half. */
  readonly goldWinRate: { readonly policy: Estimate; readonly bestOf: Estimate };
  /** Nats per sequence, policy against the pretrained model, on the policy's samples. */
  readonly kl: Estimate;
  readonly bestOfKlBound: number;
  /** Absent from evaluations made before there were frontiers. */
  readonly frontier?: Frontier;
  readonly rewardModel: {
    /** Share of held-out judgements the reward model agrees with, ties left out, bootstrap by prompt; null: all ties. */
    readonly accuracy: Estimate | null;
    /** Expected accuracy of a predictor that knows the gold reward, under the labelers' noise; null: all gold ties. */
    readonly noiseCeiling: number | null;
    /** Against the gold reward itself, equal ones left out; null: all are equal. */
    readonly accuracyAgainstGold: Estimate | null;
    /** Null: nothing was judged. Absent from evaluations made before it was measured. */
    readonly calibration?: CalibrationCurve | null;
    /**
     * Where several labelers judged the same pair: accuracy on those that all of them saw the same way, and, against the
     * majority, on the others; null for either: there is no such pair. Null: no pair was judged twice. Absent as above.
     */
    readonly accuracyByAgreement?: {
      readonly unanimous: Estimate | null;
      readonly split: Estimate | null;
    } | null;
  };
  readonly samples: readonly EvaluatedSample[];
}
