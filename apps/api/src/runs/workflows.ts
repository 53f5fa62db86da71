import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import {
  PAUSE_UPDATE,
  PIPELINE_QUEUE,
  RESUME_UPDATE,
  TEMPORAL_NAMESPACE,
  WORKFLOW_NAMES,
  type PipelineInput,
  type StudyInput,
} from '@plumbline/contracts';
import { Client, Connection, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ProblemError } from '../problems/problem.js';

/** How long a person waits for the workflow engine before they are told, milliseconds. */
const PATIENCE_MS = 10_000;
/** How long the engine is asked whether a start that seemed to fail was one, milliseconds. */
const SECOND_LOOK_MS = 3000;

/** The runs' workflows, as the API sees them. Connects when first used. */
@Injectable()
export class Workflows implements OnApplicationShutdown {
  private readonly connection: Connection;
  private readonly client: Client;

  /**
   * @param address host:port of Temporal
   * @param patienceMs how long one call may take
   */
  constructor(
    address: string,
    private readonly patienceMs: number = PATIENCE_MS,
  ) {
    this.connection = Connection.lazy({ address, connectTimeout: patienceMs });
    this.client = new Client({ connection: this.connection, namespace: TEMPORAL_NAMESPACE });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.connection.close();
  }

  /**
   * Starts a run's workflow, or a study's. An answer that is lost on the way does not count as a failure if the workflow is there.
   *
   * @throws ProblemError `unavailable` when there is no such workflow afterwards
   */
  async start(workflowId: string, input: PipelineInput | StudyInput): Promise<void> {
    const name = 'pretrains' in input ? WORKFLOW_NAMES.study : WORKFLOW_NAMES.pipeline;
    try {
      await this.withPatience(() =>
        this.client.workflow.start(name, {
          workflowId,
          taskQueue: PIPELINE_QUEUE,
          args: [input],
        }),
      );
    } catch (error) {
      if (await this.exists(workflowId)) return;
      throw unavailable(error);
    }
  }

  /** Asks a run's workflow to pause, or to go on. @throws ProblemError `conflict` with the workflow's refusal */
  async update(workflowId: string, kind: 'pause' | 'resume'): Promise<void> {
    const handle = this.client.workflow.getHandle(workflowId);
    try {
      await this.withPatience(() => handle.executeUpdate(kind === 'pause' ? PAUSE_UPDATE : RESUME_UPDATE));
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError) {
        throw new ProblemError('conflict', error.cause?.message ?? error.message);
      }
      if (error instanceof WorkflowNotFoundError) throw new ProblemError('conflict', 'the run is over');
      throw unavailable(error);
    }
  }

  /** Asks a run's workflow to end. @returns false when there is no such workflow, or it has ended */
  async cancel(workflowId: string): Promise<boolean> {
    try {
      await this.withPatience(() => this.client.workflow.getHandle(workflowId).cancel());
      return true;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw unavailable(error);
    }
  }

  private async exists(workflowId: string): Promise<boolean> {
    try {
      await this.withPatience(
        () => this.client.workflow.getHandle(workflowId).describe(),
        Math.min(SECOND_LOOK_MS, this.patienceMs),
      );
      return true;
    } catch {
      return false;
    }
  }

  private withPatience<T>(call: () => Promise<T>, patienceMs: number = this.patienceMs): Promise<T> {
    return this.connection.withDeadline(Date.now() + patienceMs, call);
  }
}

function unavailable(error: unknown): ProblemError {
  return new ProblemError('unavailable', `the workflow engine did not do it: ${reasonOf(error)}`);
}

/** The client wraps what gRPC says; the innermost message is the reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}
