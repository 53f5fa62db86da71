export * from './estimates.js';
export * from './evaluate.js';
export * from './gold/index.js';
