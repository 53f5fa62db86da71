/** Our side of the generation bench: one batch from the product's generator is one unit of work. */
import { loadTensorFlow } from '@plumbline/compute';
import { generate, responseUniforms } from '@plumbline/generation';
import { initialise } from '@plumbline/model';
import { libraryVersions } from '../library-versions.js';
import type { Work } from '../serve.js';
import { benchPrompts, type GenerateTask } from './task.js';

/** Loads the engine; the returned function builds the generator. */
export function loadGenerateWork(task: GenerateTask): () => Work {
  const { versions } = loadTensorFlow({ device: 'cpu', threads: task.threads });
  return () => generateWork(task, versions);
}

function generateWork(task: GenerateTask, versions: Work['versions']): Work {
  const { model, batch, newTokens, threads } = task;
  const parameters = initialise(model, 1);
  const promptTokens = benchPrompts(task);
  let done = 0;
  return {
    threads,
    versions: libraryVersions(versions),
    async unit() {
      const sequences = promptTokens.map((_, row) => done * batch + row);
      done++;
      const { tokens } = await generate(parameters, model, {
        promptTokens,
        responseTokens: newTokens,
        temperature: 1,
        uniforms: responseUniforms(2, 'bench', sequences, newTokens),
      });
      if (tokens.length !== batch || tokens.some((response) => response.length !== newTokens)) {
        throw new Error(`the generator did not write ${batch} × ${newTokens} tokens`);
      }
      return {};
    },
  };
}
