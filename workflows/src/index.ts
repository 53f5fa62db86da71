export { collectStep } from './collect-step.js';
export { evaluateStep } from './evaluate-step.js';
export { optimiseStep } from './optimise-step.js';
export { pretrainStep } from './pretrain-step.js';
export { rewardStep } from './reward-step.js';
export { rlhfPipeline } from './rlhf-pipeline.js';
export { sampleStep } from './sample-step.js';
export { sftStep } from './sft-step.js';
