/** One line of the dialog: a key of the configuration and what was typed for it. */
export interface OverrideRow {
  readonly path: string;
  readonly value: string;
}

/**
 * The overrides a form asks for. Empty fields ask for nothing.
 *
 * A value is read as JSON where it is a scalar of JSON (`3`, `1e-4`, `true`, `null`, `"3"`), else it is the text as
 * typed. `name` is always text.
 */
export function parseOverrides(form: {
  readonly name: string;
  readonly seed: string;
  readonly rows: readonly OverrideRow[];
}): { path: string; value: unknown }[] {
  const overrides: { path: string; value: unknown }[] = [];
  if (form.name.trim() !== '') overrides.push({ path: 'name', value: form.name.trim() });
  if (form.seed.trim() !== '') overrides.push({ path: 'seed', value: parseValue(form.seed) });
  for (const { path, value } of form.rows) {
    if (path.trim() !== '') overrides.push({ path: path.trim(), value: parseValue(value) });
  }
  return overrides;
}

function parseValue(text: string): unknown {
  const trimmed = text.trim();
  try {
    const value: unknown = JSON.parse(trimmed);
    return typeof value === 'object' && value !== null ? trimmed : value;
  } catch {
    return trimmed;
  }
}
