export * from './adamw.js';
export * from './batches.js';
export * from './model-checkpoint.js';
export * from './pretrain.js';
export * from './schedule.js';
export * from './step.js';
export * from './trainer.js';
export * from './training-loop.js';
