import { Text } from '@mantine/core';
import type { Message, Task } from '../api/types.js';
import { CheckIcon } from '../ui/icons.js';
import { type Choice, letterOf } from './choice.js';
import styles from './task-view.module.css';

/** The prompt and its responses, as plain text: what a model wrote is never markup here. */
export function TaskView({ task, choice }: { task: Task; choice: Choice | null }) {
  const last = task.prompt.at(-1);
  const lead = last?.role === 'document' ? tailOf(textOf(last)) : '';
  return (
    <div className={styles.task} data-testid="task" data-slot={task.slotId}>
      <section className={styles.prompt} aria-label="Prompt">
        {task.prompt.map((message, index) => (
          <div key={index} className={styles.message}>
            <Text className="eyebrow" component="h2">
              {headingOf(message)}
            </Text>
            <div className="prose" dir="auto">
              {textOf(message)}
              {message === last && message.role === 'document' && (
                <span className={styles.continues} aria-label="The responses continue from here">
                  {' '}
                  ▸
                </span>
              )}
            </div>
          </div>
        ))}
      </section>
      <div className={styles.responses}>
        {task.responses.map((response, position) => {
          const letter = letterOf(position);
          const chosen = choice?.kind === 'prefer' && choice.position === position;
          return (
            <section
              key={response.id}
              className={styles.response}
              aria-label={`Response ${letter}`}
              data-chosen={chosen || undefined}
              data-passed={(choice !== null && !chosen) || undefined}
            >
              <header className={styles.responseHeader}>
                <span className={styles.letter} aria-hidden="true">
                  {chosen ? <CheckIcon /> : letter}
                </span>
                <Text component="h2" className="eyebrow">
                  Response {letter}
                </Text>
              </header>
              <div className="prose" dir="auto">
                {lead !== '' && (
                  <span className={styles.lead} aria-hidden="true">
                    {lead}
                  </span>
                )}
                {response.text === '' ? (
                  <i className={styles.lead}>nothing</i>
                ) : (
                  <span data-testid="response-text">{response.text}</span>
                )}
              </div>
            </section>
          );
        })}
      </div>
    </div>
  );
}

function headingOf(message: Message): string {
  switch (message.role) {
    case 'document':
      return 'The text so far';
    case 'system':
      return 'Instructions to the model';
    case 'user':
      return 'Prompt';
    case 'assistant':
      return 'Earlier answer';
  }
}

function textOf(message: Message): string {
  return message.parts.map((part) => part.text).join('');
}

/** The last few words, which a response goes on from; all of it keeps its spaces, so the join reads as written. */
function tailOf(text: string, length = 44): string {
  if (text.length <= length) return text;
  const cut = text.slice(-length);
  const word = cut.search(/\s\S/);
  return `…${word === -1 ? cut : cut.slice(word)}`;
}
