/** What the durability bench's process is told to do, as one JSON argument. */
import type { ExecutionPlan } from '@plumbline/training';
import type { PretrainSize } from '../sizes.js';

export interface DurabilityTask extends Pick<PretrainSize, 'model' | 'batch'> {
  readonly plan: ExecutionPlan;
  /** Where the artifacts go: on the disk of PLUMBLINE_HOME. */
  readonly artifacts: string;
  /** A Postgres that keeps what it has committed, as the application's role; its migrations have run. */
  readonly databaseUrl: string;
  /** At least this long does one stretch of updates take. */
  readonly stretchSeconds: number;
}

/** What one unit of work measures, in seconds: a stretch of updates without a checkpoint, and the same with one. */
export interface DurabilityValues {
  /** In a stretch. */
  readonly updates: number;
  readonly without: number;
  readonly withCheckpoint: number;
  /** Of the checkpoint: weights and moments copied out of TensorFlow. */
  readonly snapshot: number;
  /** Encoded, hashed, written, synced and renamed; all blobs and the manifest. */
  readonly write: number;
  /** The manifest read back, and the transaction in Postgres. */
  readonly commit: number;
  /** Of weights and moments. */
  readonly bytes: number;
}
