export { createApplication, type ApplicationOptions } from './application.js';
export type { ApiDependencies } from './app.module.js';
export { describeApi } from './openapi.js';
export { Workflows } from './runs/workflows.js';
