export * from './advantages.js';
export * from './best-of-n.js';
export * from './kl-controller.js';
export * from './kl-estimators.js';
export * from './preference-loss.js';
export * from './whitening.js';
