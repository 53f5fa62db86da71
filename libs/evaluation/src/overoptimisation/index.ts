/** Over-optimisation of a proxy reward: pure functions, no TensorFlow. */
export * from './best-of-n-estimator.js';
export * from './forms.js';
export * from './resampled-fit.js';
export * from './resampled-means.js';
