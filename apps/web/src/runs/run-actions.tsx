import { Button, Group, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, type RunAction } from '../api/client.js';
import type { RunDetail } from '../api/types.js';
import { CrossIcon, PauseIcon, PlayIcon } from '../ui/icons.js';
import { notify, notifyError } from '../ui/notify.js';
import { isActive } from '../ui/status-badge.js';
import { runKey, RUNS_KEY } from './run-queries.js';

const FAILURES: Readonly<Record<RunAction, string>> = {
  pause: 'The run was not paused',
  resume: 'The run was not resumed',
  cancel: 'The run was not cancelled',
};

/** Pause, resume, cancel. Cancelling cannot be taken back, so it asks. */
export function RunActions({ run }: { run: RunDetail }) {
  const queryClient = useQueryClient();
  const [confirming, confirmation] = useDisclosure(false);
  const change = useMutation({
    mutationFn: (action: RunAction) => api.changeRun(run.runId, action),
    onSuccess: async ({ status }, action) => {
      confirmation.close();
      if (action === 'pause' && status !== 'paused')
        notify('It pauses at its next checkpoint; nothing is lost.');
      if (action === 'cancel' && status !== 'cancelled')
        notify('It stops as soon as its workers have heard.');
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: runKey(run.runId) }),
        queryClient.invalidateQueries({ queryKey: RUNS_KEY }),
      ]);
    },
    onError: (error, action) => {
      confirmation.close();
      notifyError(FAILURES[action], error);
    },
  });
  if (!isActive(run.status)) return null;
  const busy = (action: RunAction) => change.isPending && change.variables === action;
  return (
    <Group gap="xs">
      {run.status === 'paused' ? (
        <Button
          variant="default"
          leftSection={<PlayIcon />}
          loading={busy('resume')}
          onClick={() => change.mutate('resume')}
        >
          Resume
        </Button>
      ) : (
        <Button
          variant="default"
          leftSection={<PauseIcon />}
          loading={busy('pause')}
          onClick={() => change.mutate('pause')}
        >
          Pause
        </Button>
      )}
      <Button variant="default" leftSection={<CrossIcon />} onClick={confirmation.open}>
        Cancel
      </Button>
      <Modal opened={confirming} onClose={confirmation.close} title={`Cancel “${run.name}”?`} size="md">
        <Text size="sm">
          The run stops and cannot be resumed. Its checkpoints, judgements and events stay in the record. To
          stop for a while only, pause it.
        </Text>
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={confirmation.close} data-autofocus>
            Keep it running
          </Button>
          <Button color="red.9" autoContrast loading={busy('cancel')} onClick={() => change.mutate('cancel')}>
            Cancel the run
          </Button>
        </Group>
      </Modal>
    </Group>
  );
}
