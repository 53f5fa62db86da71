import type { CalibrationCurve } from '@plumbline/contracts';
import { estimateMean } from './estimates.js';
import { byPrompt } from './by-prompt.js';

/** Of equal width, over the probabilities of the response that is predicted to be preferred: ½ … 1. */
const BINS = 10;

/** A judged pair and the predicted probability that its first response is preferred. */
export interface PredictedPair {
  readonly comparison: string;
  /** 1 the first was preferred, 0 the second, ½ neither. */
  readonly target: number;
  readonly probability: number;
}

/**
 * Reliability diagram of predicted preferences (Guo et al. 2017, "On calibration of modern neural networks"). Which of
 * two responses is the first means nothing, so each pair counts from the side that is predicted to be preferred: as in
 * the calibration figures of Bai et al. (2022), predictions are between ½ and 1. A judged tie agrees half, since ½ is
 * what a Bradley-Terry model is taught of it.
 * @returns null without pairs; bins without pairs are left out
 */
export function calibrationCurve(pairs: readonly PredictedPair[], seed: number): CalibrationCurve | null {
  if (pairs.length === 0) return null;
  const bins = Array.from(
    { length: BINS },
    (): { comparison: string; agreement: number; predicted: number }[] => [],
  );
  for (const { comparison, target, probability } of pairs) {
    const predicted = Math.max(probability, 1 - probability);
    const agreement = probability === 0.5 ? 0.5 : probability > 0.5 ? target : 1 - target;
    const bin = Math.min(BINS - 1, Math.floor((predicted - 0.5) * 2 * BINS));
    bins[bin]!.push({ comparison, agreement, predicted });
  }
  const width = 0.5 / BINS;
  const curve = bins.flatMap((inBin, bin) =>
    inBin.length === 0
      ? []
      : [
          {
            low: 0.5 + bin * width,
            high: 0.5 + (bin + 1) * width,
            predicted: inBin.reduce((sum, { predicted }) => sum + predicted, 0) / inBin.length,
            agreement: estimateMean(byPrompt(inBin), { seed, purpose: `calibration ${bin}` }),
          },
        ],
  );
  return {
    bins: curve,
    expectedCalibrationError: curve.reduce(
      (sum, { predicted, agreement }) =>
        sum + (agreement.n / pairs.length) * Math.abs(agreement.value - predicted),
      0,
    ),
  };
}
