import { Button, Skeleton, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate } from 'react-router';
import { mayChangeRuns } from '../session/roles.js';
import { useUser } from '../session/session.js';
import { useDocumentTitle } from '../ui/document-title.js';
import { Empty } from '../ui/empty.js';
import { Failure } from '../ui/failure.js';
import { PlusIcon } from '../ui/icons.js';
import { Page, PageTitle } from '../ui/page.js';
import { RunList } from './run-list.js';
import { useRuns } from './run-queries.js';
import { StartRunDialog } from './start-run-dialog.js';

/** Every run, newest first. */
export function RunsPage() {
  useDocumentTitle('Runs');
  const navigate = useNavigate();
  const mayStart = mayChangeRuns(useUser().role);
  const [starting, startDialog] = useDisclosure(false);
  const runs = useRuns();
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  const start = mayStart && (
    <Button leftSection={<PlusIcon />} onClick={startDialog.open}>
      Start a run
    </Button>
  );
  return (
    <Page>
      <PageTitle actions={items.length > 0 ? start : null}>Runs</PageTitle>
      {runs.isPending && (
        <Stack gap="sm" role="status" aria-label="Loading runs">
          {[0, 1, 2, 3].map((row) => (
            <Skeleton key={row} height={64} radius="md" />
          ))}
        </Stack>
      )}
      {runs.isError && items.length === 0 && (
        <Failure
          title="The runs could not be loaded"
          error={runs.error}
          onRetry={() => void runs.refetch()}
        />
      )}
      {runs.isSuccess && items.length === 0 && (
        <Empty title="No runs yet" action={start}>
          {mayStart
            ? 'A run takes a language model from pretraining through judgements to a policy that people prefer.'
            : 'A researcher has to start the first one.'}
        </Empty>
      )}
      {items.length > 0 && <RunList runs={items} />}
      {runs.hasNextPage && (
        <Button
          mt="md"
          variant="default"
          fullWidth
          loading={runs.isFetchingNextPage}
          onClick={() => void runs.fetchNextPage()}
        >
          Show earlier runs
        </Button>
      )}
      {mayStart && (
        <StartRunDialog
          opened={starting}
          onClose={startDialog.close}
          onStarted={(runId) => void navigate(`/runs/${runId}`)}
        />
      )}
    </Page>
  );
}
