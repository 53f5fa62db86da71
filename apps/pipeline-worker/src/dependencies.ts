import type { ArtifactStore } from '@plumbline/artifacts';
import type { Client } from '@temporalio/client';
import type { DataSource } from 'typeorm';

/** What the worker's activities and loops share. */
export interface PipelineDependencies {
  readonly database: DataSource;
  readonly artifacts: ArtifactStore;
  readonly temporal: Client;
  /** Where simulated labelers find the public API, and the token that may create their accounts. */
  readonly api: { readonly url: string; readonly token: string } | null;
}

/** The actor of events that the worker itself causes. */
export const PIPELINE_ACTOR = { kind: 'service', id: 'pipeline-worker' } as const;
