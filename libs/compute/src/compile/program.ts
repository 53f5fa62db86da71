/** Loaded programs, shared by all functions that trace to the same graph: compiling one takes seconds. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeBackend } from '../native.js';
import type { Tensor } from '../tensorflow.js';
import { encodeSavedModel, inputName, type GraphFunction } from './graph.js';

/** Programs kept loaded after their last user gave them back. */
const IDLE_PROGRAMS = 8;

/** TensorFlow refused to load or run a program. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
}

/** By the SHA-256 of the graph, those used longest ago first. */
const loaded = new Map<string, Program>();

/** The graph's program, loaded now or found loaded. Give it back with `releaseProgram`. */
export function acquireProgram(graph: GraphFunction, options: { readonly xla: boolean }): Program {
  const savedModel = encodeSavedModel(graph, options);
  const hash = createHash('sha256').update(savedModel).digest('hex');
  const program = loaded.get(hash) ?? new Program(hash, graph, savedModel);
  loaded.delete(hash);
  loaded.set(hash, program);
  program.users++;
  return program;
}

/** Ends one use of the program; frees the programs idle for longest when there are many. */
export function releaseProgram(program: Program): void {
  program.users--;
  const idle = [...loaded.values()].filter(({ users }) => users === 0);
  for (const forgotten of idle.slice(0, Math.max(0, idle.length - IDLE_PROGRAMS))) {
    loaded.delete(forgotten.hash);
    forgotten.unload();
  }
}

export class Program {
  users = 0;
  private readonly model: number;
  private readonly inputNames: string;
  private readonly outputNames: string;

  constructor(
    readonly hash: string,
    graph: GraphFunction,
    savedModel: Uint8Array,
  ) {
    this.inputNames = graph.inputTypes.map((_, index) => `${inputName(index)}:0`).join(',');
    this.outputNames = graph.outputs.map((_, index) => `call:${index}`).join(',');
    const directory = mkdtempSync(join(tmpdir(), 'plumbline-program-'));
    try {
      writeFileSync(join(directory, 'saved_model.pb'), savedModel);
      mkdirSync(join(directory, 'variables'));
      this.model = native(() => nativeBackend().binding.loadSavedModel(directory, 'serve'));
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  run(inputs: readonly Tensor[]): Tensor[] {
    const backend = nativeBackend();
    const ids = backend.getInputTensorIds(inputs);
    const outputs = native(() =>
      backend.binding.runSavedModel(this.model, ids, this.inputNames, this.outputNames),
    );
    return outputs.map((output) => backend.createOutputTensor(output));
  }

  unload(): void {
    nativeBackend().binding.deleteSavedModel(this.model);
  }
}

/** The binding throws plain errors with TensorFlow's message. */
function native<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new ProgramError((error as Error).message, { cause: error });
  }
}
