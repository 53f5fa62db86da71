export * from './simulated-labelers.js';
