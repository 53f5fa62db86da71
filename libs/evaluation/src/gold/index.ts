/** The hidden scorer and those who judge by it. No TensorFlow here: simulated labelers are plain API clients. */
export * from './gold-reward.js';
export * from './noise-ceiling.js';
export * from './simulated-judgement.js';
