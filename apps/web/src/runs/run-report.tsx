import { Button, Group } from '@mantine/core';
import { addresses } from '../api/client.js';
import type { RunDetail } from '../api/types.js';
import { Empty } from '../ui/empty.js';
import { DownloadIcon, ExternalIcon } from '../ui/icons.js';
import { isActive } from '../ui/status-badge.js';
import styles from './run-report.module.css';

/** The report, in a frame that can run nothing of this page's and read nothing of its session. */
export function RunReport({ run }: { run: RunDetail }) {
  if (run.report === null) {
    return (
      <Empty title="No report yet">
        {isActive(run.status)
          ? 'It is written when the run has been evaluated.'
          : `The run was ${run.status} before one was written.`}
      </Empty>
    );
  }
  const address = addresses.report(run.runId);
  return (
    <>
      <Group justify="flex-end" mb="sm" gap="xs">
        <Button
          component="a"
          href={addresses.reportJson(run.runId)}
          download={`report-${run.runId}.json`}
          variant="default"
          size="xs"
          leftSection={<DownloadIcon />}
        >
          Figures as JSON
        </Button>
        <Button
          component="a"
          href={address}
          target="_blank"
          rel="noopener"
          variant="default"
          size="xs"
          leftSection={<ExternalIcon />}
        >
          Open in a new tab
        </Button>
      </Group>
      <iframe
        className={styles.frame}
        src={address}
        title={`Report of ${run.name}`}
        sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"
      />
    </>
  );
}
