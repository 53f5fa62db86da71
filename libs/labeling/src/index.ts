export * from './display-order.js';
export * from './judgement.js';
