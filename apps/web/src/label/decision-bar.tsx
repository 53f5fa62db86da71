import { Kbd } from '@mantine/core';
import { CHOICE_KEYS, type Choice, letterOf } from './choice.js';
import styles from './decision-bar.module.css';

export interface DecisionBarProps {
  /** How many responses are on the screen. */
  readonly count: number;
  /** The decision under way; the buttons rest meanwhile but keep the focus. */
  readonly choice: Choice | null;
  readonly onChoice: (choice: Choice) => void;
}

/** Every possible decision with its key, always in reach at the foot of the page. */
export function DecisionBar({ count, choice, onChoice }: DecisionBarProps) {
  const prefer = Array.from({ length: count }, (_, position) => ({ kind: 'prefer', position }) as const);
  const button = (option: Choice, label: string, key: string, look: string | undefined) => (
    <button
      type="button"
      key={label}
      className={look}
      aria-keyshortcuts={key.toUpperCase()}
      aria-disabled={choice !== null}
      data-chosen={(choice !== null && isSame(choice, option)) || undefined}
      onClick={() => onChoice(option)}
    >
      <span>{label}</span>
      <Kbd size="xs" aria-hidden="true">
        {key.toUpperCase()}
      </Kbd>
    </button>
  );
  const [first, ...others] = prefer.map((option) =>
    button(
      option,
      `${letterOf(option.position)} is better`,
      CHOICE_KEYS.prefer[option.position]?.[0] ?? '',
      styles.prefer,
    ),
  );
  return (
    <div className={styles.bar} role="group" aria-label="Your judgement">
      {first}
      <div className={styles.middle}>
        {button({ kind: 'tie' }, 'Tie', CHOICE_KEYS.tie[0], styles.other)}
        {button({ kind: 'both_bad' }, 'Both bad', CHOICE_KEYS.both_bad[0], styles.other)}
        {button({ kind: 'skip' }, 'Skip', CHOICE_KEYS.skip[0], styles.quiet)}
      </div>
      {others}
    </div>
  );
}

function isSame(a: Choice, b: Choice): boolean {
  return a.kind === b.kind && (a.kind !== 'prefer' || b.kind !== 'prefer' || a.position === b.position);
}
