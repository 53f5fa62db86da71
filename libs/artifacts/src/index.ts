export * from './artifact-error.js';
export * from './artifact-store.js';
export * from './canonical-json.js';
export * from './checkpoint.js';
export * from './file-artifact-store.js';
export * from './open-artifact-store.js';
export * from './safetensors.js';
