export * from './display-order.js';
export * from './judged-comparison.js';
export * from './judgement.js';
