export * from './launch.js';
export * from './ports.js';
export * from './postgres.js';
export * from './process-control.js';
export * from './services-error.js';
export * from './temporal.js';
