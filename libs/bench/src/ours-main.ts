/** The child process of our side: `node ours-main.js BENCH TASK`, with the task as JSON. */
import type { DurabilityTask } from './durability/task.js';
import type { GenerateTask } from './generate/task.js';
import type { PrecisionTask } from './precision/task.js';
import type { PretrainTask } from './pretrain/task.js';
import type { BreakdownTask, PpoTask, RewardTask } from './rlhf/task.js';
import { serve } from './serve.js';

const [bench = '', argument = ''] = process.argv.slice(2);

// Imported when asked for: loading is measured, and each process holds only what its work needs.
switch (bench) {
  case 'pretrain': {
    const task = JSON.parse(argument) as PretrainTask;
    await serve(async () => {
      const { loadPretrainWork } = await import('./pretrain/ours.js');
      return loadPretrainWork(task);
    }, task.warmup);
    break;
  }
  case 'generate': {
    const task = JSON.parse(argument) as GenerateTask;
    await serve(async () => {
      const { loadGenerateWork } = await import('./generate/ours.js');
      return loadGenerateWork(task);
    }, task.warmup);
    break;
  }
  case 'precision': {
    const task = JSON.parse(argument) as PrecisionTask;
    await serve(async () => {
      const { loadPrecisionWork } = await import('./precision/ours.js');
      return loadPrecisionWork(task);
    }, null);
    break;
  }
  case 'durability': {
    const task = JSON.parse(argument) as DurabilityTask;
    await serve(async () => {
      const { loadDurabilityWork } = await import('./durability/ours.js');
      return loadDurabilityWork(task);
    }, null);
    break;
  }
  case 'ppo': {
    const task = JSON.parse(argument) as PpoTask;
    await serve(async () => {
      const { loadPpoWork } = await import('./rlhf/ours.js');
      return loadPpoWork(task);
    }, task.warmup);
    break;
  }
  case 'reward': {
    const task = JSON.parse(argument) as RewardTask;
    await serve(async () => {
      const { loadRewardWork } = await import('./rlhf/ours.js');
      return loadRewardWork(task);
    }, task.warmup);
    break;
  }
  case 'breakdown': {
    const task = JSON.parse(argument) as BreakdownTask;
    await serve(async () => {
      const { loadBreakdownWork } = await import('./rlhf/breakdown.js');
      return loadBreakdownWork(task);
    }, task.warmup);
    break;
  }
  default:
    throw new Error(`no such bench: ${bench}`);
}
