import type { Estimate } from '@plumbline/contracts';

const MINUS = '−';

/** `digits` after the point, with a real minus sign. */
export function fixed(value: number, digits = 2): string {
  if (!Number.isFinite(value)) return 'n/a';
  return value.toFixed(digits).replace('-', MINUS);
}

export function percent(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${fixed(share * 100, digits)} %` : 'n/a';
}

/** `0.70 to 0.78` */
export function interval({ low, high }: Estimate, digits = 2): string {
  return `${fixed(low, digits)} to ${fixed(high, digits)}`;
}

export function percentInterval({ low, high }: Estimate, digits = 1): string {
  return `${fixed(low * 100, digits)} to ${fixed(high * 100, digits)} %`;
}

/** 3.2 s, 4 min 05 s, 2 h 03 min. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${fixed(seconds, 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** 2026-11-23 21:20:05 UTC */
export function time(iso: string | null): string {
  return iso === null ? 'n/a' : `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** The first characters of a hash, enough to tell two apart by eye; the whole goes beside it. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}
