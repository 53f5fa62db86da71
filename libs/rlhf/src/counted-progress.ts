import type { StepContext, StepProgress } from '@plumbline/training';

/**
 * A `breathe` for work in known pieces: each call reports one piece more, then gives the event loop its turn. Scoring
 * takes long enough on a busy machine that a worker must see it move.
 */
export function countedProgress(
  context: StepContext,
  work: Pick<StepProgress, 'phase' | 'total' | 'unit'>,
): () => Promise<void> {
  let done = 0;
  return () => {
    done = Math.min(done + 1, work.total);
    context.progress({ ...work, done });
    return context.breathe();
  };
}
