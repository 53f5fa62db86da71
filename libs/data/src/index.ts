export * from './corpus.js';
export * from './prompts.js';
export * from './tokenized-corpus.js';
