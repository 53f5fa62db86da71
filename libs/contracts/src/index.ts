export * from './activities.js';
export * from './data-artifacts.js';
export * from './queues.js';
export * from './run-configuration.js';
export * from './services.js';
export * from './status.js';
export * from './workflows.js';
