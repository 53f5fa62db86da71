import { Injectable } from '@nestjs/common';
import {
  labelerOf,
  labelingProgress,
  skipSlot,
  submitJudgement,
  takeNextSlot,
  type JudgedSlot,
  type JudgementAnswer,
  type LabelingProgress,
  type LeasedSlot,
} from '@plumbline/database';
import { displayOrder, ranksInOrder } from '@plumbline/labeling';
import { DataSource } from 'typeorm';
import type { Caller } from '../auth/principal.js';
import { ProblemError } from '../problems/problem.js';
import type { JudgementRequestDto, NextTaskDto, TaskDto } from './dto/labeling.dto.js';

/** How long a labeler holds a comparison, milliseconds. A program that died should not hold up a run. */
const LEASE_MS = { person: 10 * 60_000, service: 15_000, simulated: 15_000 } as const;

@Injectable()
export class LabelingService {
  constructor(private readonly database: DataSource) {}

  /** @throws ProblemError `forbidden` when the caller's token is for another run */
  async next(caller: Caller, askedRun: string | null): Promise<NextTaskDto> {
    const runId = allowedRun(caller, askedRun);
    const labelerId = await this.labeler(caller);
    const slot = await takeNextSlot(this.database, { labelerId, runId, leaseMs: LEASE_MS[caller.kind] });
    if (slot === null) {
      return { task: null, progress: await labelingProgress(this.database, { labelerId, runId }) };
    }
    return { task: taskOf(slot), progress: slot.progress };
  }

  async progress(caller: Caller, askedRun: string | null): Promise<LabelingProgress> {
    const runId = allowedRun(caller, askedRun);
    return labelingProgress(this.database, { labelerId: await this.labeler(caller), runId });
  }

  /**
   * @throws JudgementError when the ranks do not fit the comparison
   * @throws DatabaseError `lease_lost`, `idempotency_mismatch`
   */
  async judge(
    caller: Caller,
    slotId: string,
    idempotencyKey: string,
    body: JudgementRequestDto,
  ): Promise<JudgementAnswer> {
    const { outcome, ranks, durationMs } = body;
    return submitJudgement(this.database, {
      labelerId: await this.labeler(caller),
      slotId,
      runId: allowedRun(caller, null),
      idempotencyKey,
      body: { outcome, ranks: ranks ?? null, durationMs },
      durationMs,
      decide: (slot) => ({
        outcome,
        ranks: ranksInOrder({ outcome, ranks }, slot.responseIds),
        displayedOrder: orderOf(slot),
      }),
    });
  }

  /** @throws DatabaseError `lease_lost`, `idempotency_mismatch` */
  async skip(
    caller: Caller,
    slotId: string,
    idempotencyKey: string,
    reason: string | null,
  ): Promise<JudgementAnswer> {
    return skipSlot(this.database, {
      labelerId: await this.labeler(caller),
      slotId,
      runId: allowedRun(caller, null),
      idempotencyKey,
      reason,
      displayedOrder: orderOf,
    });
  }

  private async labeler(caller: Caller): Promise<string> {
    return caller.labelerId ?? labelerOf(this.database, caller.userId);
  }
}

/** The run that the request is limited to: by what it asks for, or by the token. null: any. */
function allowedRun(caller: Caller, asked: string | null): string | null {
  const limit = 'runId' in caller.by ? caller.by.runId : null;
  if (limit !== null && asked !== null && asked !== limit) {
    throw new ProblemError('forbidden', `this token is good for run ${limit} only`);
  }
  return limit ?? asked;
}

function orderOf(slot: Pick<JudgedSlot, 'seed' | 'comparisonKey' | 'ordinal' | 'responseIds'>): number[] {
  return displayOrder(slot.seed, slot.comparisonKey, slot.ordinal, slot.responseIds.length);
}

function taskOf(slot: LeasedSlot): TaskDto {
  const order = orderOf({ ...slot, responseIds: slot.responses.map(({ id }) => id) });
  const responses = slot.responses.map(({ id, key, content }) => ({
    id,
    key,
    text: content.map((part) => part.text).join(''),
  }));
  return {
    slotId: slot.slotId,
    runId: slot.runId,
    runName: slot.runName,
    comparisonId: slot.comparisonId,
    comparisonKey: slot.comparisonKey,
    ordinal: slot.ordinal,
    seed: slot.seed,
    prompt: slot.prompt.map(({ role, parts }) => ({ role, parts: [...parts] })),
    responses: order.flatMap((position) => responses[position] ?? []),
    guideline: slot.guideline,
    leaseExpiresAt: slot.leaseExpiresAt.toISOString(),
  };
}
