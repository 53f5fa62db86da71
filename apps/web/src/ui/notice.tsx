import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import styles from './notice.module.css';

export interface NoticeProps {
  /** `negative`: something failed; `attention`: people have to act or wait; `quiet`: good to know. */
  readonly tone: 'negative' | 'attention' | 'quiet';
  readonly title?: ReactNode;
  readonly children?: ReactNode;
  /** What can be done about it. */
  readonly action?: ReactNode;
  /** `alert` is read out at once, `status` when there is a pause. */
  readonly role?: 'alert' | 'status';
}

/** A message in the page, beside what it is about. */
export function Notice({ tone, title, children, action, role = 'alert' }: NoticeProps) {
  return (
    <div className={styles.notice} data-tone={tone} role={role}>
      <div className={styles.words}>
        {title !== undefined && <Text fw={600}>{title}</Text>}
        {children !== undefined && (
          <Text size="sm" component="div" className={styles.detail}>
            {children}
          </Text>
        )}
      </div>
      {action}
    </div>
  );
}
