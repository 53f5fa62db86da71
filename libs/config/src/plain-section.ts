/** A section as it is written, before it is validated. */
export type PlainSection = Readonly<Record<string, unknown>>;

export function isSection(value: unknown): value is PlainSection {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
