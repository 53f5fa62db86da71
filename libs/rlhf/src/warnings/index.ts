/** Signs that policy optimisation goes wrong, read off its curves. No TensorFlow here. */
export * from './training-warnings.js';
