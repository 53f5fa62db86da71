import { Button, Code } from '@mantine/core';
import { Link } from 'react-router';
import type { RunDetail } from '../api/types.js';
import { mayChangeRuns, mayLabel } from '../session/roles.js';
import { useUser } from '../session/session.js';
import { Notice } from '../ui/notice.js';

/** While a run waits for people: how many judgements are missing, and what this person can do about it. */
export function CollectionBanner({ run }: { run: RunDetail }) {
  const { role } = useUser();
  const step = run.steps.find((candidate) => candidate.status === 'waiting' && candidate.collection !== null);
  if (run.status !== 'waiting' || step?.collection == null) return null;
  const { judged, required } = step.collection;
  const missing = Math.max(0, required - judged);
  return (
    <Notice
      tone="attention"
      role="status"
      title={
        <>
          <span className="numeric">{missing.toLocaleString('en')}</span> of{' '}
          <span className="numeric">{required.toLocaleString('en')}</span>{' '}
          {required === 1 ? 'judgement is' : 'judgements are'} still missing
        </>
      }
      action={
        mayLabel(role) && (
          <Button component={Link} to="/label">
            Judge now
          </Button>
        )
      }
    >
      The run goes on by itself when the last one is in.
      {mayChangeRuns(role) && (
        <>
          {' '}
          Simulated labelers help out with{' '}
          <Code>npx plumbline labelers simulate --run {run.runId} --count 4</Code>.
        </>
      )}
    </Notice>
  );
}
