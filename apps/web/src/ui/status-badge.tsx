import type { Status } from '../api/types.js';
import { CheckIcon, CrossIcon, PauseIcon } from './icons.js';
import styles from './status-badge.module.css';

export const STATUS_NAMES: Readonly<Record<Status, string>> = {
  queued: 'Queued',
  running: 'Running',
  waiting: 'Waiting for people',
  paused: 'Paused',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

const SHORT_NAMES: Readonly<Record<Status, string>> = { ...STATUS_NAMES, waiting: 'Waiting' };

/** True while the status may still change. */
export function isActive(status: Status): boolean {
  return status === 'queued' || status === 'running' || status === 'waiting' || status === 'paused';
}

/** A mark whose shape and colour both tell the status. */
export function StatusMark({ status, size = 18 }: { status: Status; size?: number }) {
  return (
    <span
      className={styles.mark}
      data-status={status}
      style={{ width: size, height: size }}
      aria-hidden="true"
    >
      {status === 'completed' && <CheckIcon size={size * 0.65} />}
      {(status === 'failed' || status === 'cancelled') && <CrossIcon size={size * 0.6} />}
      {status === 'paused' && <PauseIcon size={size * 0.65} />}
    </span>
  );
}

export function StatusBadge({ status, full = false }: { status: Status; full?: boolean }) {
  return (
    <span className={styles.badge} data-status={status}>
      <StatusMark status={status} size={16} />
      {full ? STATUS_NAMES[status] : SHORT_NAMES[status]}
    </span>
  );
}
