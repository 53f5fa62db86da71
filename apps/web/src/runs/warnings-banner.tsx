import type { RunDetail } from '../api/types.js';
import { Notice } from '../ui/notice.js';
import { stepName } from './step-names.js';

/** What a run's curves give reason to warn of, in the order in which it showed. */
export function WarningsBanner({ run }: { run: RunDetail }) {
  const warnings = run.steps.flatMap((step) =>
    step.warnings.map((warning) => ({ step: step.name, ...warning })),
  );
  if (warnings.length === 0) return null;
  return (
    <Notice
      tone="attention"
      role="status"
      title={
        warnings.length === 1 ? 'The curves give a warning' : `The curves give ${warnings.length} warnings`
      }
    >
      <ul style={{ margin: 0, paddingInlineStart: '1.2em' }}>
        {warnings.map(({ step, kind, index, message }) => (
          <li key={`${step} ${kind} ${index}`}>
            {stepName(step)}, iteration <span className="numeric">{index.toLocaleString('en')}</span>:{' '}
            {message}
          </li>
        ))}
      </ul>
    </Notice>
  );
}
