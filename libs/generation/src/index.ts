export type { EngineName } from './engine.js';
export { OnnxRuntimeError } from './onnx/runtime.js';
export {
  NonFiniteLogitsError,
  type Generation,
  type GenerationProgress,
  type GenerationRequest,
} from './request.js';
export * from './response-uniforms.js';
export * from './sampling.js';
export * from './text-generator.js';
