import { tf } from '@plumbline/compute';

/** Of what our side computes with, once TensorFlow is loaded; `runtime` are the versions it gave itself. */
export function libraryVersions(runtime: Readonly<Record<string, string>>): Record<string, string> {
  const { binding } = tf.backend() as unknown as { binding?: { TF_Version?: string } };
  return {
    Node: process.versions.node,
    TensorFlow: binding?.TF_Version ?? 'unknown',
    'tfjs-node': runtime['tfjs-node'] ?? runtime['tfjs-node-gpu'] ?? 'unknown',
  };
}
