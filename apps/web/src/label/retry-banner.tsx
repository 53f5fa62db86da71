import { Button } from '@mantine/core';
import { Notice } from '../ui/notice.js';
import { useNow } from '../ui/use-now.js';
import { type Choice, nameOf } from './choice.js';

/** The server is away; the decision is kept and goes out again by itself. */
export function RetryBanner({
  choice,
  retryAt,
  onRetry,
}: {
  choice: Choice;
  retryAt: number;
  onRetry: () => void;
}) {
  const seconds = Math.max(0, Math.ceil((retryAt - useNow(250)) / 1000));
  return (
    <Notice
      tone="attention"
      role="status"
      title={`Your answer is kept: ${nameOf(choice)}`}
      action={
        <Button size="xs" variant="default" onClick={onRetry}>
          Send now
        </Button>
      }
    >
      The server cannot be reached. Sending again{' '}
      <span className="numeric" aria-hidden="true">
        {seconds > 0 ? `in ${seconds} s` : 'now'}
      </span>
      .
    </Notice>
  );
}
