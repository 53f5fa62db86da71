import { Alert, Button, Group, Text } from '@mantine/core';
import { describeError } from '../api/problem.js';

/** Something could not be loaded: what, why, and the way out. */
export function Failure({ title, error, onRetry }: { title: string; error: unknown; onRetry?: () => void }) {
  return (
    <Alert color="red" title={title} role="alert" maw={560} variant="light">
      <Group justify="space-between" align="center" gap="md">
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {describeError(error)}
        </Text>
        {onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Group>
    </Alert>
  );
}
