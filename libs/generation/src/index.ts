export * from './generate.js';
export * from './response-uniforms.js';
