export * from './build-report.js';
export type * from './report-document.js';
export type * from './report-input.js';
export * from './build-study-report.js';
export type * from './study-document.js';
