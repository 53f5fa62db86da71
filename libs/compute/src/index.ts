export * from './leak-guard.js';
export * from './randomness.js';
export * from './tensorflow.js';
