/** Two circles that share a part: what Entente is about. */
export function Mark({ size }: { size: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} fill="none" strokeWidth="3" aria-hidden="true">
      <circle cx="12.5" cy="16" r="7.5" stroke="var(--accent)" />
      <circle cx="19.5" cy="16" r="7.5" stroke="currentColor" opacity="0.75" />
    </svg>
  );
}
