/**
 * ONNX Runtime through its C API (https://onnxruntime.ai/docs/api/c/struct_ort_api.html), from the library inside the
 * npm package onnxruntime-node. That package's own binding copies every result into new memory and computes on the
 * event loop's thread; through the C API results are written where the caller wants them, caches stay in place, weights
 * are read where they lie, and several threads run one session. See docs/decisions/0007-generation-engine.md.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as Koffi from 'koffi';
import { ElementType } from './graph-writer.js';

/** ONNX Runtime cannot be loaded, or refused something. */
export class OnnxRuntimeError extends Error {
  override readonly name = 'OnnxRuntimeError';
}

/** Of the C API, whose functions keep their places for good; every one used here exists since version 12. */
const API_VERSION = 17;
/** Position of each function in `OrtApi`. */
const Slot = {
  GetErrorMessage: 2,
  CreateEnv: 3,
  CreateSessionFromArray: 8,
  Run: 9,
  CreateSessionOptions: 10,
  SetSessionLogSeverityLevel: 22,
  SetIntraOpNumThreads: 24,
  CreateTensorWithDataAsOrtValue: 49,
  CreateCpuMemoryInfo: 69,
  ReleaseStatus: 93,
  ReleaseSession: 95,
  ReleaseValue: 96,
  ReleaseSessionOptions: 100,
  AddExternalInitializers: 210,
} as const;

const POINTER_BYTES = 8;
const ERRORS_ONLY = 3;
const ARENA_ALLOCATOR = 1;
const DEFAULT_MEMORY = 0;
/** Native code runs on stacks that koffi makes; its defaults are small for matrix products. */
const STACK_BYTES = 4 << 20;

type Pointer = bigint;
type NativeFunction<Result = Status> = Koffi.KoffiFunc<(...args: unknown[]) => Result>;
type Status = Pointer | null;
type TensorData = Float32Array | Int32Array | BigInt64Array;

/** Memory of ours that ONNX Runtime reads and writes. Keep it as long as a binding that names it. */
export interface OrtTensor {
  readonly value: Pointer;
  readonly data: TensorData;
}

interface Api {
  /** Unloaded when collected. */
  readonly library: Koffi.LibraryHandle;
  readonly run: NativeFunction;
  readonly check: (status: Status) => void;
  readonly create: (constructor: (out: BigUint64Array) => Status) => Pointer;
  readonly createTensor: NativeFunction;
  readonly createOptions: NativeFunction;
  readonly setThreads: NativeFunction;
  readonly setLogLevel: NativeFunction;
  readonly addInitializers: NativeFunction;
  readonly createSession: NativeFunction;
  readonly releaseSession: NativeFunction<unknown>;
  readonly releaseOptions: NativeFunction<unknown>;
  readonly releaseValue: NativeFunction<unknown>;
  readonly environment: Pointer;
  readonly memory: Pointer;
  readonly address: (data: TensorData | Uint8Array | BigUint64Array) => Pointer;
}

let loaded: OnnxRuntime | null = null;

export class OnnxRuntime {
  private constructor(
    readonly version: string,
    private readonly api: Api,
  ) {}

  /** @throws OnnxRuntimeError where this platform has no such library */
  static load(): OnnxRuntime {
    try {
      return (loaded ??= OnnxRuntime.open(libraryPath()));
    } catch (error) {
      throw new OnnxRuntimeError(`ONNX Runtime cannot be loaded (${messageOf(error)})`, { cause: error });
    }
  }

  private static open(path: string): OnnxRuntime {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    if (koffi.config().async_stack_size !== STACK_BYTES) {
      koffi.config({ sync_stack_size: STACK_BYTES, async_stack_size: STACK_BYTES });
    }
    // Its library reports how it is used to its makers unless told not to; users of Plumbline were not asked.
    // eslint-disable-next-line no-restricted-properties -- written for native code, never read as configuration
    process.env['ORT_DISABLE_TELEMETRY'] = '1';
    const library = koffi.load(path);
    const base = library.func('void *OrtGetApiBase()')() as Pointer;
    const P = 'void *';
    const field = <Result>(table: Pointer, slot: number, result: string, args: string[]) =>
      koffi.decode(
        koffi.decode(table, slot * POINTER_BYTES, P),
        koffi.proto(result, args),
      ) as NativeFunction<Result>;
    const version = field<string>(base, 1, 'const char *', [])();
    const table = field<Pointer | null>(base, 0, P, ['uint32_t'])(API_VERSION);
    if (table === null) throw new Error(`its version ${version} lacks C API ${API_VERSION}`);

    const at = (slot: number, args: string[]) => field<Status>(table, slot, P, args);
    const message = field<string>(table, Slot.GetErrorMessage, 'const char *', [P]);
    const releaseStatus = field(table, Slot.ReleaseStatus, 'void', [P]);
    const check = (status: Status): void => {
      if (status === null) return;
      const text = message(status);
      releaseStatus(status);
      throw new OnnxRuntimeError(text);
    };
    const create = (constructor: (out: BigUint64Array) => Status): Pointer => {
      const out = new BigUint64Array(1);
      check(constructor(out));
      return out[0]!;
    };
    const createEnvironment = at(Slot.CreateEnv, ['int', 'const char *', P]);
    const createMemory = at(Slot.CreateCpuMemoryInfo, ['int', 'int', P]);
    return new OnnxRuntime(version, {
      library,
      run: at(Slot.Run, [P, P, P, P, 'size_t', P, 'size_t', P]),
      check,
      create,
      createTensor: at(Slot.CreateTensorWithDataAsOrtValue, [P, P, 'size_t', P, 'size_t', 'int', P]),
      createOptions: at(Slot.CreateSessionOptions, [P]),
      setThreads: at(Slot.SetIntraOpNumThreads, [P, 'int']),
      setLogLevel: at(Slot.SetSessionLogSeverityLevel, [P, 'int']),
      addInitializers: at(Slot.AddExternalInitializers, [P, P, P, 'size_t']),
      createSession: at(Slot.CreateSessionFromArray, [P, P, 'size_t', P, P]),
      releaseSession: field(table, Slot.ReleaseSession, 'void', [P]),
      releaseOptions: field(table, Slot.ReleaseSessionOptions, 'void', [P]),
      releaseValue: field(table, Slot.ReleaseValue, 'void', [P]),
      environment: create((out) => createEnvironment(ERRORS_ONLY, 'plumbline', out)),
      memory: create((out) => createMemory(ARENA_ALLOCATOR, DEFAULT_MEMORY, out)),
      address: (data) => koffi.address(data),
    });
  }

  tensor(data: TensorData, shape: readonly number[]): OrtTensor {
    const { api } = this;
    const type =
      data instanceof Float32Array
        ? ElementType.float
        : data instanceof Int32Array
          ? ElementType.int32
          : ElementType.int64;
    const dimensions = BigInt64Array.from(shape, BigInt);
    const value = api.create((out) =>
      api.createTensor(api.memory, data, data.byteLength, dimensions, shape.length, type, out),
    );
    return { value, data };
  }

  release(tensor: OrtTensor): void {
    this.api.releaseValue(tensor.value);
  }

  /**
   * @param model ONNX; its external weights are those in `weights`, used where they lie
   * @param threads inside one run
   */
  session(
    model: Uint8Array,
    weights: Readonly<Record<string, { data: Float32Array; shape: readonly number[] }>>,
    threads: number,
  ): OrtSession {
    const { api } = this;
    const tensors = Object.values(weights).map(({ data, shape }) => this.tensor(data, shape));
    const options = api.create((out) => api.createOptions(out));
    try {
      api.check(api.setThreads(options, threads));
      api.check(api.setLogLevel(options, ERRORS_ONLY));
      const names = this.names(Object.keys(weights));
      api.check(api.addInitializers(options, names.pointers, valuesOf(tensors), tensors.length));
      const session = api.create((out) =>
        api.createSession(api.environment, model, model.byteLength, options, out),
      );
      return new OrtSession(this, this.api, session, tensors);
    } catch (error) {
      for (const tensor of tensors) this.release(tensor);
      throw error;
    } finally {
      api.releaseOptions(options);
    }
  }

  /** @internal C strings and an array of pointers to them. */
  names(names: readonly string[]): { pointers: BigUint64Array; strings: Uint8Array[] } {
    const strings = names.map((name) => new Uint8Array(Buffer.from(`${name}\0`)));
    return { pointers: BigUint64Array.from(strings, (text) => this.api.address(text)), strings };
  }
}

/** A loaded model with its weights. */
export class OrtSession {
  /** @internal */
  constructor(
    private readonly runtime: OnnxRuntime,
    private readonly api: Api,
    private readonly session: Pointer,
    private readonly weights: readonly OrtTensor[],
  ) {}

  /** A call with these inputs and outputs, to be made many times, from one thread at a time. */
  bind(inputs: Readonly<Record<string, OrtTensor>>, outputs: Readonly<Record<string, OrtTensor>>): OrtCall {
    const inputNames = this.runtime.names(Object.keys(inputs));
    const outputNames = this.runtime.names(Object.keys(outputs));
    const inputValues = valuesOf(Object.values(inputs));
    const outputValues = valuesOf(Object.values(outputs));
    const { run, check } = this.api;
    const args = [
      this.session,
      null,
      inputNames.pointers,
      inputValues,
      inputValues.length,
      outputNames.pointers,
      outputValues.length,
      outputValues,
    ];
    return {
      // Names and tensors must outlive the call.
      keep: [inputNames, outputNames, inputs, outputs],
      runSync: () => {
        check(run(...args));
      },
      run: () =>
        new Promise((resolve, reject) => {
          run.async(...args, (error: unknown, status: Status) => {
            try {
              if (error) throw error instanceof Error ? error : new OnnxRuntimeError(messageOf(error));
              check(status);
              resolve();
            } catch (thrown) {
              reject(thrown instanceof Error ? thrown : new OnnxRuntimeError(messageOf(thrown)));
            }
          });
        }),
    };
  }

  dispose(): void {
    this.api.releaseSession(this.session);
    for (const tensor of this.weights) this.runtime.release(tensor);
  }
}

export interface OrtCall {
  /** On this thread. */
  runSync(): void;
  /** On one of libuv's threads. */
  run(): Promise<void>;
  readonly keep: unknown;
}

function valuesOf(tensors: readonly OrtTensor[]): BigUint64Array {
  return BigUint64Array.from(tensors, ({ value }) => value);
}

/** The shared library in onnxruntime-node for this platform. */
function libraryPath(): string {
  const require = createRequire(import.meta.url);
  const binaries = join(dirname(require.resolve('onnxruntime-node')), '..', 'bin');
  const abi = readdirSync(binaries).find((name) => name.startsWith('napi-v'));
  if (abi === undefined) throw new Error(`no binaries in ${binaries}`);
  const directory = join(binaries, abi, process.platform, process.arch);
  const library = readdirSync(directory).find((name) => /^(lib)?onnxruntime\.(so|dylib|dll|\d)/.test(name));
  if (library === undefined) throw new Error(`no library in ${directory}`);
  return join(directory, library);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}
