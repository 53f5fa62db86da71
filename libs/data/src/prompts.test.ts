import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { promptWindows, tokenizeCorpus, type CorpusTokenizer, type PromptPurpose } from './index.js';

/** One token a character; a space starts a word. */
const tokenizer: CorpusTokenizer = {
  endOfText: 0,
  encode: (text) => Array.from(text, (character) => character.codePointAt(0)!),
  startsWord: (token) => token === 32,
};
const text = (tokens: readonly number[]): string => String.fromCodePoint(...tokens);

const opening = 'Fellow citizens of the Senate and of the House of Representatives ';
const speeches = Array.from(
  { length: 30 },
  (_, i) => opening + Array.from({ length: 60 }, (_, j) => `w${(i * 60 + j) * 7919}`).join(' '),
);
const documents = speeches.map((speech, i) => ({ text: speech, heldOut: i < 3 }));
const corpus = await tokenizeCorpus(Readable.from([documents]), tokenizer);

const prompts = (purpose: PromptPurpose, count: number, seed = 1): string[] =>
  promptWindows(corpus, { purpose, count, length: 12, seed }).map(text);

describe('tokenizeCorpus', () => {
  it('ends every document with the end-of-text token', () => {
    const { tokens, documents } = corpus.heldOut;
    expect(documents).toHaveLength(3);
    expect(text([...tokens.subarray(documents[1], documents[2]! - 1)])).toBe(speeches[1]);
    expect([...tokens].filter((token) => token === 0)).toHaveLength(3);
  });
});

describe('promptWindows', () => {
  it('is deterministic, and a larger count continues a smaller one', () => {
    expect(prompts('sample', 40)).toEqual(prompts('sample', 40));
    expect(prompts('sample', 40).slice(0, 20)).toEqual(prompts('sample', 20));
    expect(prompts('sample', 40, 2)).not.toEqual(prompts('sample', 40));
  });

  it('gives no prompt to two purposes', () => {
    const sample = new Set(prompts('sample', 400));
    const optimise = new Set(prompts('optimise', 400));
    const evaluate = new Set(prompts('evaluate', 60));
    expect(sample.size).toBe(400);
    expect(evaluate.size).toBe(60);
    for (const prompt of optimise) expect(sample.has(prompt)).toBe(false);
    for (const prompt of evaluate) expect(sample.has(prompt) || optimise.has(prompt)).toBe(false);
    for (const prompt of evaluate)
      expect(speeches.slice(0, 3).some((speech) => speech.includes(prompt))).toBe(true);
  });

  it('starts at words and stays inside a document', () => {
    for (const prompt of prompts('sample', 300)) {
      expect(prompt).toHaveLength(12);
      expect(prompt).not.toContain('\0');
      expect(prompt.startsWith(' ') || prompt === opening.slice(0, 12)).toBe(true);
    }
  });

  it('says when the corpus has too few prompts, and repeats only for optimise', () => {
    expect(() => prompts('sample', 100_000)).toThrow(/prompts of 12 tokens for sample; 100000 are wanted/);
    expect(() => prompts('evaluate', 100_000)).toThrow(RangeError);
    const many = prompts('optimise', 5000);
    expect(many).toHaveLength(5000);
    const pool = new Set(many).size;
    expect(new Set(many.slice(0, pool)).size).toBe(pool);
    expect(() => promptWindows(corpus, { purpose: 'optimise', count: 1, length: 5000, seed: 1 })).toThrow(
      RangeError,
    );
  });
});
