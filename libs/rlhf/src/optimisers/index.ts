export * from './online-optimiser.js';
export * from './online-training.js';
export * from './optimiser.js';
export * from './ppo.js';
export * from './registry.js';
