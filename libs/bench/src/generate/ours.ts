/** Our side of the generation bench: one batch from the product's generator is one unit of work. */
import type { TensorMap } from '@plumbline/artifacts';
import { loadTensorFlow, uniforms } from '@plumbline/compute';
import type { ModelConfiguration } from '@plumbline/contracts';
import { availableEngine, createGenerator, responseUniforms, type EngineName } from '@plumbline/generation';
import { parameterShapes } from '@plumbline/model';
import { createRequire } from 'node:module';
import type { Work } from '../serve.js';
import { benchPrompts, type GenerateTask } from './task.js';

const require = createRequire(import.meta.url);

/** Loads the engine; the returned function loads the model. */
export function loadGenerateWork(task: GenerateTask): () => Promise<Work> {
  availableEngine();
  return () => generateWork(task);
}

async function generateWork(task: GenerateTask): Promise<Work> {
  const { model, batch, newTokens, threads } = task;
  const generator = await createGenerator(model, randomWeights(model), {
    threads,
    loadTensorFlow: () => void loadTensorFlow({ device: 'cpu', threads }),
  });
  const promptTokens = benchPrompts(task);
  let done = 0;
  return {
    threads,
    versions: { Node: process.versions.node, ...engineVersion(generator.engine) },
    remarks: () => (generator.engine === 'onnx' ? [] : [`${generator.engine} generates, the slower engine`]),
    async unit() {
      const sequences = promptTokens.map((_, row) => done * batch + row);
      done++;
      const { tokens } = await generator.generate({
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

function engineVersion(engine: EngineName): Record<string, string> {
  const name = engine === 'onnx' ? 'onnxruntime-node' : '@tensorflow/tfjs-node';
  const { version } = require(`${name}/package.json`) as { version: string };
  return { [name]: version };
}

/** Weights of any model of this size, without a library that would stay in memory: speed does not depend on them. */
function randomWeights(model: ModelConfiguration): TensorMap {
  const noise = uniforms(1, 'bench weights', 0, 4096);
  return Object.fromEntries(
    Object.entries(parameterShapes(model)).map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      const scale = shape.length > 1 ? 0.04 : 0;
      const centre = /ln_[12f]\.weight$/.test(name) ? 1 : 0;
      for (let i = 0; i < data.length; i++)
        data[i] = centre + scale * (noise[(i * 31 + (i >> 9)) & 4095]! - 0.5);
      return [name, { dtype: 'F32' as const, shape, data }];
    }),
  );
}
