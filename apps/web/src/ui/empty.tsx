import { Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import styles from './empty.module.css';

/** Nothing is here, and that is fine: say why, and what comes next. */
export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={styles.empty}>
      <svg viewBox="0 0 48 72" width="48" height="72" aria-hidden="true" className={styles.mark}>
        <path d="M8 2h32" strokeWidth="2" strokeLinecap="round" stroke="currentColor" />
        <g className={styles.pendulum}>
          <path d="M24 2v42" strokeWidth="1.5" stroke="currentColor" />
          <path d="M17 44h14l-2.5 9L24 64l-4.5-11z" className={styles.bob} />
        </g>
      </svg>
      <Title order={2}>{title}</Title>
      {children !== undefined && (
        <Text c="dimmed" maw={440} component="div">
          {children}
        </Text>
      )}
      {action}
    </div>
  );
}
