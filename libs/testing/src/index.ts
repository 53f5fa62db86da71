export * from './find-chromium.js';
export * from './test-database.js';
export * from './test-process.js';
export * from './test-temporal.js';
