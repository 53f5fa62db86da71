import { Text, Title } from '@mantine/core';
import type { Task } from '../api/types.js';

/** What labelers are asked to look for. */
export function Guideline({ guideline, headed = true }: { guideline: Task['guideline']; headed?: boolean }) {
  return (
    <>
      {headed && (
        <Title order={2} size="h4" mb="xs">
          Guideline
        </Title>
      )}
      <Text size="sm" lh={1.6} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
        {guideline.text}
      </Text>
      <Text size="xs" c="dimmed" mt="md">
        Version {guideline.version}
      </Text>
    </>
  );
}
