export * from './estimates.js';
export * from './gold/index.js';
