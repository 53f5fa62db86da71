/** The child process of our side: `node ours-main.js pretrain TASK`, with the task as JSON. */
import { serve } from './serve.js';
import type { PretrainTask } from './pretrain/task.js';

const [bench, argument = ''] = process.argv.slice(2);

switch (bench) {
  case 'pretrain': {
    const task = JSON.parse(argument) as PretrainTask;
    await serve(async () => {
      const { pretrainWork } = await import('./pretrain/ours.js');
      const { loadTensorFlow } = await import('@plumbline/compute');
      loadTensorFlow({ device: task.plan.device, threads: task.threads });
      return { prepare: () => pretrainWork(task) };
    }, task.warmup);
    break;
  }
  default:
    throw new Error(`no such bench: ${String(bench)}`);
}
