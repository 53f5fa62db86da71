import { Progress as Bar, Text } from '@mantine/core';
import type { Progress, Status } from '../api/types.js';
import { formatNumber } from '../ui/format.js';

/** A step's own account of how far it is. */
export function StepProgress({
  progress,
  status,
  size = 'sm',
}: {
  progress: Progress;
  status: Status;
  size?: 'xs' | 'sm';
}) {
  const percent = progress.total > 0 ? Math.min(100, (100 * progress.done) / progress.total) : 0;
  return (
    <div>
      <Text
        size="xs"
        c="dimmed"
        className="numeric"
        mb={4}
        style={{ display: 'flex', justifyContent: 'space-between', gap: 12 }}
      >
        <span>
          {progress.phase === '' ? '' : `${progress.phase} · `}
          {formatNumber(progress.done)} of {formatNumber(progress.total)} {progress.unit}
        </span>
        <span>{Math.floor(percent)} %</span>
      </Text>
      <Bar
        value={percent}
        size={size === 'xs' ? 4 : 6}
        radius="xl"
        color={
          status === 'waiting'
            ? 'var(--tone-attention)'
            : status === 'running'
              ? 'var(--tone-active)'
              : 'var(--tone-quiet)'
        }
        aria-label={`${progress.phase}: ${progress.done} of ${progress.total} ${progress.unit}`}
      />
    </div>
  );
}
