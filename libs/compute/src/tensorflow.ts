/** TensorFlow on the CPU or GPU: one process loads one device, once, before its first op. */
import { createRequire } from 'node:module';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';

export { tf };
export type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, Scalar } from '@tensorflow/tfjs';

export type Device = 'cpu' | 'gpu';

export interface TensorFlowOptions {
  readonly device: Device;
  /** Threads inside one op and between ops; absent: TensorFlow takes every core. Part of what makes results exact. */
  readonly threads?: number;
  /**
   * XLA fuses chains of element-wise ops and reductions inside programs that are not compiled as a whole
   * (`compile` with precision bf16). A matter of the process: TensorFlow reads it once. Absent: no.
   */
  readonly autoClustering?: boolean;
  /** Each op runs on one thread, and ops that do not depend on one another side by side. Absent: ops share threads. */
  readonly sideBySide?: boolean;
}

export interface TensorFlowRuntime {
  readonly device: Device;
  readonly threads: number | null;
  readonly autoClustering: boolean;
  readonly sideBySide: boolean;
  readonly versions: Readonly<Record<string, string>>;
}

/** The native TensorFlow binding cannot be loaded. */
export class TensorFlowError extends Error {
  override readonly name = 'TensorFlowError';
}

const PACKAGES = { cpu: '@tensorflow/tfjs-node', gpu: '@tensorflow/tfjs-node-gpu' } as const;
const require = createRequire(import.meta.url);

/** On the CPU, too; everything that can be fused, which leaves matrix products to oneDNN. */
const CLUSTERING = '--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit --tf_xla_ops_to_cluster=FUSIBLE';

let runtime: TensorFlowRuntime | null = null;

/**
 * Loads the native backend behind `tf`; later calls return the first one's runtime.
 *
 * @throws TensorFlowError when the binding is missing, or when this process already runs on another device, with
 *   another number of threads, or without the clustering or the order of ops asked for.
 */
export function loadTensorFlow({
  device,
  threads,
  autoClustering,
  sideBySide,
}: TensorFlowOptions): TensorFlowRuntime {
  if (runtime) {
    const other =
      runtime.device !== device ||
      (threads !== undefined && runtime.threads !== threads) ||
      (autoClustering !== undefined && runtime.autoClustering !== autoClustering) ||
      (sideBySide !== undefined && runtime.sideBySide !== sideBySide);
    if (other) {
      throw new TensorFlowError(
        `TensorFlow already runs on ${described({ ...runtime, threads: runtime.threads ?? undefined })} in this process; ` +
          `it cannot change to ${described({ device, threads, autoClustering, sideBySide })}`,
      );
    }
    return runtime;
  }
  setNativeFlags(threads, autoClustering ?? false, sideBySide ?? false);
  restoreRemovedNodeHelpers();
  let module: { version: Record<string, string> };
  try {
    module = require(PACKAGES[device]) as typeof module;
  } catch (error) {
    throw new TensorFlowError(
      `${PACKAGES[device]} could not be loaded; \`npm run bootstrap${device === 'gpu' ? ' -- --gpu' : ''}\` builds it` +
        ` (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`,
      { cause: error },
    );
  }
  if (tf.getBackend() !== 'tensorflow') {
    throw new TensorFlowError(
      `${PACKAGES[device]} loaded but did not register its backend; is tfjs installed twice?`,
    );
  }
  replaceGather();
  tf.enableProdMode();
  runtime = {
    device,
    threads: threads ?? null,
    autoClustering: autoClustering ?? false,
    sideBySide: sideBySide ?? false,
    versions: module.version,
  };
  return runtime;
}

function described({ device, threads, autoClustering, sideBySide }: TensorFlowOptions): string {
  const extras = [autoClustering && 'clustering', sideBySide && 'ops side by side'].filter(Boolean);
  return [`${device} with ${threads ?? 'all'} threads`, ...extras].join(', ');
}

/* eslint-disable no-restricted-properties -- written for native code, never read as configuration */
/** TensorFlow's C++ code reads these from the process environment when its library is loaded, and only there. */
function setNativeFlags(threads: number | undefined, autoClustering: boolean, sideBySide: boolean): void {
  process.env['TF_CPP_MIN_LOG_LEVEL'] = '3';
  process.env['TF_DETERMINISTIC_OPS'] = '1';
  if (threads !== undefined) {
    const insideOps = String(sideBySide ? 1 : threads);
    process.env['TF_NUM_INTRAOP_THREADS'] = insideOps;
    process.env['TF_NUM_INTEROP_THREADS'] = String(threads);
    process.env['OMP_NUM_THREADS'] = insideOps;
  }
  if (autoClustering) process.env['TF_XLA_FLAGS'] = CLUSTERING;
}
/* eslint-enable no-restricted-properties */

/**
 * tfjs-node's kernel reads the indices back at every call to check their bounds, which waits for all that computes them;
 * TensorFlow's own kernel checks them anyway.
 */
function replaceGather(): void {
  const kernelName = 'GatherV2';
  const backendName = 'tensorflow';
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, backend, attrs }) => {
      const gather = backend as GatherBackend;
      const [x, indices] = [inputs['x'] as Tensor, inputs['indices'] as Tensor];
      const along = tf.scalar(attrs!['axis'] as number, 'int32');
      const batchDims = { name: 'batch_dims', type: gather.binding.TF_ATTR_INT, value: attrs!['batchDims'] };
      const result = gather.executeSingleOutput(kernelName, [batchDims], [x, indices, along]);
      along.dispose();
      return result;
    },
  });
}

interface GatherBackend {
  readonly binding: { readonly TF_ATTR_INT: number };
  executeSingleOutput(op: string, attributes: readonly object[], inputs: readonly Tensor[]): Tensor;
}

/** tfjs-node 4.22 still calls `util.isNullOrUndefined`, which Node 23 removed. */
function restoreRemovedNodeHelpers(): void {
  const helpers = util as unknown as { isNullOrUndefined?: (value: unknown) => boolean };
  helpers.isNullOrUndefined ??= (value) => value === null || value === undefined;
}
