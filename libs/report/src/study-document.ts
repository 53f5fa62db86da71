import type { Estimate, Frontier, RewardModelSize, RunConfiguration } from '@plumbline/contracts';
import type { ReportedRun } from './report-input.js';

/** A run that optimised against one of the study's reward models. */
export interface StudiedRun {
  readonly runId: string;
  readonly rewardModel: RewardModelSize;
  /** Judged comparisons that the reward model learned from. */
  readonly labels: number;
  /** Agreement with held-out judgements; null: all were ties. */
  readonly rewardModelAccuracy: Estimate | null;
  readonly rewardModelAccuracyAgainstGold: Estimate | null;
  readonly frontier: Frontier;
}

export interface StudyReportInput {
  readonly run: ReportedRun;
  readonly configuration: RunConfiguration;
  /** In the order of the configuration: by size, then by labels. */
  readonly runs: readonly StudiedRun[];
}

/** The report of a study as data. */
export interface StudyReportDocument extends StudyReportInput {
  readonly kind: 'study-report';
  readonly format: 1;
}
