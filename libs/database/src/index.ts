export * from './artifacts.js';
export {
  collectionProgress,
  freezePreferences,
  publishComparisons,
  type FrozenPreferences,
  type Publication,
} from './collections.js';
export { findJudgedCollection, openJudgementExport, type JudgedCollection } from './judgement-export.js';
export * from './data-source.js';
export * from './entities/index.js';
export * from './errors.js';
export { appendEvent, listRunEvents, type RecordedEvent } from './events.js';
export * from './labeling.js';
export { readSeries, type MetricPoint, type MetricSeries } from './metrics.js';
export * from './outbox.js';
export * from './people.js';
export * from './preference-imports.js';
export {
  createRun,
  getRun,
  listRuns,
  listUnarchivedRuns,
  listUnfinishedRuns,
  setPauseRequested,
  setRunHistory,
  setRunReport,
  setRunStatus,
  type ListedRun,
  type NewRun,
  type Provenance,
  type RunCursor,
  type StatusChange,
} from './runs.js';
export * from './run-details.js';
export * from './steps.js';
export * from './studies.js';
export { inTransaction, isPostgresError, query, violatesUnique, type Database } from './transaction.js';
