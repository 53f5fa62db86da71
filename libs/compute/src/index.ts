export * from './compile/compile.js';
export * from './leak-guard.js';
export * from './randomness.js';
export * from './tensorflow.js';
export * from './cross-entropy.js';
export * from './native.js';
