/** 3 d 4 h, 1 h 04 min, 3 min 20 s, 12 s, 0.4 s. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(whole / 60);
  if (minutes >= 48 * 60) return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Enough digits to compare, no more: 3.142, 0.00051, 12 480. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2);
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return size >= 100 ? value.toFixed(1) : Number(value.toPrecision(4)).toString();
}

/** 14:05 for today, 3 Nov, 14:05 within the year, 3 Nov 2025, 14:05 before. */
export function formatInstant(iso: string, { seconds = false, now = new Date() } = {}): string {
  const date = new Date(iso);
  const time = date.toLocaleTimeString('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    second: seconds ? '2-digit' : undefined,
  });
  if (date.toDateString() === now.toDateString()) return time;
  const day: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short' };
  if (date.getFullYear() !== now.getFullYear()) day.year = 'numeric';
  return `${date.toLocaleDateString('en-GB', day)}, ${time}`;
}

/** With seconds and zone, for a tooltip. */
export function formatInstantFully(iso: string): string {
  return new Date(iso).toLocaleString('en-GB', { dateStyle: 'full', timeStyle: 'long' });
}
