import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { END_OF_TEXT, splitWords, Tokenizer, trainByteLevelBpe } from './index.js';

const TEXT = [
  "The cat sat on the mat; the cat that sat there wasn\u2019t a hat, it's the cat's.",
  'Fellow-citizens of the Senate and of the House of Representatives: in 1862 and 1863.',
].join('\n');

const DIFFICULT = [
  'emoji \u{1F469}\u200D\u{1F469}\u200D\u{1F467}\u{1F600} and e\u0301 and \u0928\u093F',
  'line\r\nline\r\n\r\n  indented\ttab  \n',
  '   leading and trailing   ',
  "it's they'll I'VE 'd 12ab34",
  'next\u0085line \uFEFF bom \u00A0 space \u3000 wide',
  '\u0000\u0001\u007F\u0080\u07FF\uFFFD\u{10FFFF}',
];

describe('trainByteLevelBpe', () => {
  it('merges the most frequent pair first, of equally frequent ones that with the smaller ids', () => {
    // ab: 4; then (ab, c): 3. (b, d) and all others occur once.
    const { model } = trainByteLevelBpe(['abc abc abc abd'.replaceAll(' ', '\n')], 300);
    expect(model.merges.slice(0, 2)).toEqual([
      ['a', 'b'],
      ['ab', 'c'],
    ]);
    expect(model.merges).toHaveLength(2);
    expect(model.vocab[END_OF_TEXT]).toBe(0);
    expect(Object.keys(model.vocab)).toHaveLength(259);
    const tie = trainByteLevelBpe(['xy\nxy\ncd\ncd'], 300);
    expect(tie.model.merges).toEqual([
      ['c', 'd'],
      ['x', 'y'],
    ]);
  });

  it('counts overlapping pairs as they are merged', () => {
    const { model } = trainByteLevelBpe(['aaaa\naaaa\naaa'], 300);
    // aaaa → (aa)(aa), aaa → (aa)a: the pair (aa, aa) is left twice, (aa, a) once.
    expect(model.merges).toEqual([
      ['a', 'a'],
      ['aa', 'aa'],
    ]);
  });

  it('keeps every word whole: no token crosses a word', () => {
    const { model } = trainByteLevelBpe([Array(50).fill('of the').join('\n')], 400);
    expect(Object.keys(model.vocab)).toContain('\u0120the');
    expect(Object.keys(model.vocab)).not.toContain('of\u0120the');
  });

  it('refuses a vocabulary without room for the bytes', () => {
    expect(() => trainByteLevelBpe([TEXT], 256)).toThrow(/at least 257/);
  });
});

describe('splitWords', () => {
  it.each(DIFFICULT)('loses nothing of %j', (text) => {
    expect(splitWords(text).join('')).toBe(text);
  });
});

describe('Tokenizer', () => {
  const json = trainByteLevelBpe([TEXT], 270);
  const tokenizer = new Tokenizer(json);

  it.each([...DIFFICULT, TEXT, ''])('decodes what it encoded: %j', (text) => {
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('has a token for every byte', () => {
    const everyByte = Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(byte)).join('');
    expect(tokenizer.decode(tokenizer.encode(everyByte))).toBe(everyByte);
    expect(new Set(tokenizer.encode(everyByte)).size).toBeGreaterThan(190);
  });

  it('encodes word by word as the whole text at once', () => {
    const wholeTexts = new Tokenizer({
      ...json,
      added_tokens: [...json.added_tokens, { ...json.added_tokens[0], id: 300, content: '<|other|>' }],
    });
    for (const text of [...DIFFICULT, TEXT]) expect(tokenizer.encode(text)).toEqual(wholeTexts.encode(text));
  });

  it('knows the end of a text', () => {
    expect(tokenizer.endOfText).toBe(0);
    expect(tokenizer.vocabularySize).toBe(270);
    expect(tokenizer.encode(`a${END_OF_TEXT}b`)).toEqual([
      ...tokenizer.encode('a'),
      tokenizer.endOfText,
      ...tokenizer.encode('b'),
    ]);
  });

  it('tells where a word starts', () => {
    const starts = tokenizer.encode('sat the\nHouse').map((token) => tokenizer.startsWord(token));
    expect(starts[0]).toBe(false);
    expect(starts.filter(Boolean)).toHaveLength(2);
  });

  it('refuses what is no tokenizer.json', () => {
    expect(() => new Tokenizer({ version: '1.0' })).toThrow(/tokenizer\.json/);
  });
});

/** Made by `fixtures/make_tokenizer_fixture.py` with Hugging Face's `tokenizers`. */
const fixture = JSON.parse(readFileSync(new URL('../fixtures/tokenizer.json', import.meta.url), 'utf8')) as {
  corpus: string[];
  vocabulary: number;
  tokenizer: {
    added_tokens: { id: number; content: string }[];
    pre_tokenizer: object;
    model: { vocab: Record<string, number>; merges: [string, string][] };
  };
  encodings: Encoding[];
  decodings: { tokens: number[]; decoded: string }[];
  variant: Encoding[];
};
interface Encoding {
  text: string;
  tokens: number[];
  decoded: string;
}

describe('compared with tokenizers', () => {
  it('learns the same merges and numbers the same tokens', () => {
    const { model } = trainByteLevelBpe(fixture.corpus, fixture.vocabulary);
    expect(model.merges).toEqual(fixture.tokenizer.model.merges);
    expect(model.vocab).toEqual(fixture.tokenizer.model.vocab);
  });

  it.each([
    ['its own file', new Tokenizer(fixture.tokenizer)],
    ['what we learn', new Tokenizer(trainByteLevelBpe(fixture.corpus, fixture.vocabulary))],
  ])('encodes and decodes the same by %s', (_name, tokenizer) => {
    for (const { text, tokens, decoded } of fixture.encodings) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(tokens);
      expect(tokenizer.decode(tokens)).toBe(decoded);
    }
  });

  it('decodes every token by itself and any sequence the same', () => {
    const tokenizer = new Tokenizer(fixture.tokenizer);
    expect(fixture.decodings.length).toBeGreaterThan(tokenizer.vocabularySize + 100);
    for (const { tokens, decoded } of fixture.decodings) {
      expect(tokenizer.decode(tokens), tokens.join()).toBe(decoded);
    }
  });

  it('encodes the same with a space before every text and several special tokens', () => {
    const { added_tokens: added, pre_tokenizer: preTokenizer, model } = fixture.tokenizer;
    const tokenizer = new Tokenizer({
      ...fixture.tokenizer,
      pre_tokenizer: { ...preTokenizer, add_prefix_space: true },
      added_tokens: [...added, { ...added[0], id: Object.keys(model.vocab).length, content: '<|pad|>' }],
    });
    for (const { text, tokens, decoded } of fixture.variant) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(tokens);
      expect(tokenizer.decode(tokens)).toBe(decoded);
    }
  });

  it('has an end of text only where the file has one', () => {
    const { added_tokens: added, model, ...file } = fixture.tokenizer;
    expect(added).toHaveLength(1);
    const { [END_OF_TEXT]: _, ...vocab } = model.vocab;
    const tokenizer = new Tokenizer({ ...file, added_tokens: [], model: { ...model, vocab } });
    expect(() => tokenizer.endOfText).toThrow(/no token <\|endoftext\|>/);
    expect(tokenizer.decode(tokenizer.encode(`a${END_OF_TEXT}b`))).toBe(`a${END_OF_TEXT}b`);
  });
});
