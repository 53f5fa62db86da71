/**
 * Postgres stores no U+0000, in text nor in jsonb, and a byte-level tokenizer can sample it. For the record it becomes
 * U+2400 (symbol for null); the artifact keeps the exact text.
 */
export function withoutNul(text: string): string {
  return text.replaceAll('\0', '\u2400');
}
