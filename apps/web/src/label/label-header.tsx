import { ActionIcon, Button, Progress, Text, Title, Tooltip } from '@mantine/core';
import type { LabelingProgress } from '../api/types.js';
import { BookIcon, KeyboardIcon } from '../ui/icons.js';
import styles from './label-header.module.css';

export interface LabelHeaderProps {
  readonly runName: string | null;
  readonly progress: LabelingProgress | null;
  readonly onHelp: () => void;
  readonly guideline: { readonly shown: boolean; readonly toggle: () => void } | null;
}

/** Which run, how far, and the two helps. */
export function LabelHeader({ runName, progress, onHelp, guideline }: LabelHeaderProps) {
  return (
    <header className={styles.header}>
      <div className={styles.title}>
        <Title order={1} size="h2">
          {runName === null ? 'Label' : 'Which is better?'}
        </Title>
        {runName !== null && (
          <Text size="sm" c="dimmed" truncate>
            {runName}
          </Text>
        )}
      </div>
      {progress !== null && progress.required > 0 && (
        <div className={styles.progress}>
          <div className={styles.counts}>
            <Text size="sm" className="numeric">
              <b data-testid="judged-by-me">{progress.judgedByMe.toLocaleString('en')}</b> by you
            </Text>
            <Text size="sm" c="dimmed" className="numeric">
              {progress.judged.toLocaleString('en')} of {progress.required.toLocaleString('en')}
            </Text>
          </div>
          <Progress
            value={(100 * progress.judged) / progress.required}
            size={6}
            radius="xl"
            aria-label={`${progress.judged} of ${progress.required} judgements made`}
          />
        </div>
      )}
      <div className={styles.helps}>
        {guideline !== null && (
          <Button
            variant="default"
            size="xs"
            leftSection={<BookIcon />}
            aria-expanded={guideline.shown}
            onClick={guideline.toggle}
          >
            Guideline
          </Button>
        )}
        <Tooltip label="Keyboard shortcuts ( ? )">
          <ActionIcon
            className={styles.keys}
            variant="default"
            size={30}
            aria-label="Keyboard shortcuts"
            onClick={onHelp}
          >
            <KeyboardIcon />
          </ActionIcon>
        </Tooltip>
      </div>
    </header>
  );
}
