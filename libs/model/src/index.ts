export * from './byte-pair-encoding.js';
export * from './dropout.js';
export * from './parameters.js';
export * from './scalar-head.js';
export * from './tokenizer.js';
export * from './transformer.js';
