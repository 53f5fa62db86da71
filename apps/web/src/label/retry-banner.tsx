import { Button, Loader, Text } from '@mantine/core';
import { useNow } from '../ui/use-now.js';
import { type Choice, nameOf } from './choice.js';
import styles from './retry-banner.module.css';

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
    <div className={styles.banner} role="status">
      <Loader size="xs" color="var(--tone-attention)" aria-hidden />
      <Text size="sm" className={styles.text}>
        <b>Your answer is kept: {nameOf(choice)}.</b> The server cannot be reached; sending again{' '}
        <span className="numeric">{seconds > 0 ? `in ${seconds} s` : 'now'}</span>.
      </Text>
      <Button size="xs" variant="default" onClick={onRetry}>
        Send now
      </Button>
    </div>
  );
}
