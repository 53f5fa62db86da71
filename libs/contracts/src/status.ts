/** Status of a run or a step, as INTERFACES names them. */
export const STATUSES = [
  'queued',
  'running',
  'waiting',
  'paused',
  'completed',
  'failed',
  'cancelled',
] as const;
export type Status = (typeof STATUSES)[number];

export const TERMINAL_STATUSES: readonly Status[] = ['completed', 'failed', 'cancelled'];

export function isTerminal(status: Status): boolean {
  return TERMINAL_STATUSES.includes(status);
}

export const ROLES = ['labeler', 'lead', 'researcher', 'auditor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const OUTCOMES = ['ranked', 'tie', 'both_bad', 'skipped'] as const;
export type Outcome = (typeof OUTCOMES)[number];
