import { formatDuration, formatInstant, formatInstantFully } from './format.js';
import { useNow } from './use-now.js';

/** A point in time, short; the whole of it on hover. */
export function Instant({ at, seconds = false }: { at: string; seconds?: boolean }) {
  return (
    <time dateTime={at} title={formatInstantFully(at)} className="numeric">
      {formatInstant(at, { seconds })}
    </time>
  );
}

/** From `from` to `to`, or still running when `to` is null. */
export function Duration({ from, to }: { from: string; to: string | null }) {
  const now = useNow(to === null ? 1000 : 0);
  const end = to === null ? now : Date.parse(to);
  return <span className="numeric">{formatDuration(end - Date.parse(from))}</span>;
}
