export * from './corpus.js';
export * from './data-error.js';
export * from './document-split.js';
export * from './prompts.js';
export * from './supervised-data.js';
export * from './supervised-rows.js';
export * from './tokenized-corpus.js';
