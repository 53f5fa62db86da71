export * from './child-environment.js';
export * from './compute-process.js';
export * from './configuration-error.js';
export * from './environment.js';
export * from './forked-configuration.js';
export * from './overrides.js';
export * from './read-configuration.js';
export * from './resolve-configuration.js';
export { hasSize, memberConfiguration } from './study.js';
