/** Conversations: as TRL and the published data sets write them, as Plumbline keeps them, and as text. */
import type { Message } from '@plumbline/contracts';
import { chatTurns, type ChatRole } from '../supervised-rows.js';
import { RowError, type JsonObject } from './preference-row.js';

export interface ChatMessage {
  readonly role: ChatRole;
  readonly content: string;
}

const ROLES: readonly string[] = ['system', 'user', 'assistant'] satisfies ChatRole[];

/** `[{role, content}, …]`; content is a string, or a list of `{type: text, text}`. @throws RowError */
export function readMessages(value: unknown, path: string): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0) throw new RowError(`${path} must be a list of messages`);
  return value.map((message: unknown, index) => {
    const place = `${path}[${index}]`;
    const { role, content } = (message ?? {}) as JsonObject;
    if (typeof role !== 'string' || !ROLES.includes(role)) {
      throw new RowError(`${place}.role must be system, user or assistant`);
    }
    return { role: role as ChatRole, content: readContent(content, `${place}.content`) };
  });
}

function readContent(content: unknown, path: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw new RowError(`${path} must be a string`);
  return content
    .map((part: unknown, index) => {
      const { type, text } = (part ?? {}) as JsonObject;
      if (type === 'text' && typeof text === 'string') return text;
      throw new RowError(`${path}[${index}] must be text: {type: text, text}`);
    })
    .join('');
}

export function message(role: Message['role'], text: string): Message {
  return { role, parts: [{ type: 'text', text }] };
}

/** A prompt that is text to go on from, not a conversation. */
export function documentPrompt(text: string): Message[] {
  return text === '' ? [] : [message('document', text)];
}

export function chatPrompt(messages: readonly ChatMessage[]): Message[] {
  return messages.map(({ role, content }) => message(role, content));
}

export function textOf({ parts }: Message): string {
  return parts.map(({ text }) => text).join('');
}

/** Whether a prompt is a conversation, which the assistant goes on with. */
export function isConversation(prompt: readonly Message[]): boolean {
  return prompt.some(({ role }) => role !== 'document');
}

/** The conversation as other formats write it, which know no documents: they become what the user says. */
export function asChat(prompt: readonly Message[]): ChatMessage[] {
  return prompt.map((one) => ({ role: one.role === 'document' ? 'user' : one.role, content: textOf(one) }));
}

/** The pieces of a prompt as the model reads it; `ends`: the end-of-text token follows. */
export function promptPieces(
  prompt: readonly Message[],
): { readonly text: string; readonly ends: boolean }[] {
  const pieces = prompt.flatMap((one) =>
    one.role === 'document'
      ? [{ text: textOf(one), ends: false }]
      : chatTurns([{ role: one.role, content: textOf(one) }], false).map(({ text, ends }) => ({
          text,
          ends,
        })),
  );
  return isConversation(prompt) ? [...pieces, { text: 'Assistant:', ends: false }] : pieces;
}

/** A response as the model writes it after `promptPieces`. */
export function responsePiece(prompt: readonly Message[], response: string): string {
  return isConversation(prompt) ? ` ${response}` : response;
}

/** A prompt as one text, for formats that have nothing else. */
export function promptText(prompt: readonly Message[]): string {
  return prompt.length === 1
    ? textOf(prompt[0]!)
    : promptPieces(prompt)
        .map(({ text }) => text)
        .join('');
}
