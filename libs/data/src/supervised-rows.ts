/** Rows of supervised fine-tuning data as turns, in the forms that TRL reads. */
import { DataError, type DataLocation } from './data-error.js';
import type { JsonRow } from './json-rows.js';
import { keysOf } from './json-rows.js';

/** A piece of the text. */
export interface Turn {
  readonly text: string;
  /** Whether the end-of-text token follows. */
  readonly ends: boolean;
  /** Whether the loss is over its tokens, the end-of-text token among them. */
  readonly learned: boolean;
}

export type ChatRole = 'system' | 'user' | 'assistant';

interface ChatMessage {
  readonly role: ChatRole;
  readonly content: string;
}

/**
 * The turns of a row: `{prompt, completion}`, both strings or both lists of messages, or `{messages}`; a message is
 * `{role, content}`. Other keys are left alone.
 *
 * @throws DataError naming file, line and what is wrong
 */
export function readTurns(row: JsonRow): Turn[] {
  const { location, value } = row;
  const { prompt, completion, messages } = value;
  if (messages !== undefined) {
    return learnable(location, 'messages', chatTurns(readMessages(location, 'messages', messages), true));
  }
  if (prompt === undefined || completion === undefined) {
    const missing = prompt === undefined ? 'prompt' : 'completion';
    throw new DataError(
      location,
      `no key ${missing} (wanted: prompt and completion, or messages; ${keysOf(row)})`,
    );
  }
  if (typeof prompt === 'string' && typeof completion === 'string') {
    return learnable(location, 'completion', [
      { text: prompt, ends: false, learned: false },
      { text: completion, ends: true, learned: true },
    ]);
  }
  if (Array.isArray(prompt) && Array.isArray(completion)) {
    const before = chatTurns(readMessages(location, 'prompt', prompt), false);
    const learned = readMessages(location, 'completion', completion);
    return learnable(location, 'completion', [...before, ...chatTurns(learned, true)]);
  }
  throw new DataError(location, 'prompt and completion must both be strings, or both be lists of messages');
}

/**
 * A conversation as text, each turn introduced by who speaks:
 *
 *     User: …
 *
 *     Assistant: …<|endoftext|>User: …
 *
 * What a system message says comes first, by itself. After `prompt` messages that end with the user's, a completion
 * begins as it will when the model is asked.
 */
export function chatTurns(messages: readonly ChatMessage[], learned: boolean): Turn[] {
  return messages.flatMap(({ role, content }): Turn[] => {
    switch (role) {
      case 'system':
        return [{ text: `${content}\n\n`, ends: false, learned: false }];
      case 'user':
        return [{ text: `User: ${content}\n\n`, ends: false, learned: false }];
      case 'assistant':
        return [
          { text: 'Assistant:', ends: false, learned: false },
          { text: ` ${content}`, ends: true, learned },
        ];
      default:
        return role satisfies never;
    }
  });
}

function readMessages(location: DataLocation, key: string, messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new DataError(location, `${key} must be a list of messages`);
  }
  return messages.map((message: unknown, index) => {
    const { role, content } = (message ?? {}) as Partial<Record<keyof ChatMessage, unknown>>;
    const place = `${key}[${index}]`;
    if (role !== 'system' && role !== 'user' && role !== 'assistant') {
      throw new DataError(location, `${place}.role must be system, user or assistant`);
    }
    if (typeof content !== 'string') throw new DataError(location, `${place}.content must be a string`);
    return { role, content };
  });
}

function learnable(location: DataLocation, key: string, turns: Turn[]): Turn[] {
  if (turns.some(({ text, learned }) => learned && text.trim() !== '')) return turns;
  throw new DataError(
    location,
    key === 'messages' ? 'messages must have an assistant message that says something' : `${key} is empty`,
  );
}
