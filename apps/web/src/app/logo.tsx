/** A plumb line: the rule, the line, the bob. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#0f4a50" />
      <path d="M9 6h14" stroke="#cfe6e6" strokeWidth="2" strokeLinecap="round" />
      <path d="M16 6v9" stroke="#cfe6e6" strokeWidth="2" />
      <path d="M11.5 15h9L19 20.5 16 27l-3-6.5z" fill="#dcb665" />
    </svg>
  );
}
