import { Button } from '@mantine/core';
import { describeError } from '../api/problem.js';
import { Notice } from './notice.js';

/** Something could not be loaded: what, why, and the way out. */
export function Failure({ title, error, onRetry }: { title: string; error: unknown; onRetry?: () => void }) {
  return (
    <Notice
      tone="negative"
      title={title}
      action={
        onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )
      }
    >
      {describeError(error)}
    </Notice>
  );
}
