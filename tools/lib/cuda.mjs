import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { showProgress } from './progress.mjs';
import { SetUpError } from './set-up-error.mjs';
import { downloadWheel, extractWheel } from './wheel.mjs';

/**
 * CUDA 12 and cuDNN 9 as the TensorFlow wheel's metadata asks for them (its extra `and-cuda`), 2.9 GB in all: name,
 * version, platform, bytes, SHA-256. Not yet tried on a GPU.
 */
const CUDA_WHEELS = [
  [
    'nvidia-cublas-cu12',
    '12.9.3.13',
    'manylinux_2_27_x86_64',
    581_217_458,
    'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
  ],
  [
    'nvidia-cuda-cupti-cu12',
    '12.9.79',
    'manylinux_2_25_x86_64',
    10_814_997,
    '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f',
  ],
  [
    'nvidia-cuda-nvcc-cu12',
    '12.9.86',
    'manylinux2010_x86_64',
    40_546_229,
    '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
  ],
  [
    'nvidia-cuda-nvrtc-cu12',
    '12.9.86',
    'manylinux2010_x86_64',
    89_568_129,
    '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
  ],
  [
    'nvidia-cuda-runtime-cu12',
    '12.9.79',
    'manylinux2014_x86_64',
    3_493_179,
    '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
  ],
  [
    'nvidia-cudnn-cu12',
    '9.9.0.52',
    'manylinux_2_27_x86_64',
    781_418_458,
    'bdfc5081008c3f94ef237cffa6a79b6f7cd709e6018d6dfacf5a7fc7b4434b88',
  ],
  [
    'nvidia-cufft-cu12',
    '11.4.1.4',
    'manylinux2014_x86_64',
    200_877_592,
    'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
  ],
  [
    'nvidia-curand-cu12',
    '10.3.9.90',
    'manylinux_2_27_x86_64',
    63_619_976,
    'b32331d4f4df5d6eefa0554c565b626c7216f87a06a4f56fab27c3b68a830ec9',
  ],
  [
    'nvidia-cusolver-cu12',
    '11.7.5.82',
    'manylinux_2_27_x86_64',
    338_117_415,
    '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
  ],
  [
    'nvidia-cusparse-cu12',
    '12.5.9.5',
    'manylinux2014_x86_64',
    366_449_081,
    'b2f816d34a7bceab4cb00f0eaadb6a99fc9c285204da6401b42b952e4d61b77b',
  ],
  [
    'nvidia-nccl-cu12',
    '2.32.3',
    'manylinux_2_27_x86_64',
    351_526_311,
    'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c',
  ],
  [
    'nvidia-nvjitlink-cu12',
    '12.9.86',
    'manylinux2010_x86_64',
    39_748_338,
    'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
  ],
].map(([name, version, platform, bytes, sha256]) => ({
  name,
  version,
  python: null,
  platform,
  bytes,
  sha256,
}));

/** Shared libraries, and the assembler and device code with which XLA compiles kernels. */
function isNeeded(member) {
  return (
    /^nvidia\/[^/]+\/lib\/[^/]+\.so[^/]*$/.test(member) ||
    member === 'nvidia/cuda_nvcc/bin/ptxas' ||
    member.startsWith('nvidia/cuda_nvcc/nvvm/libdevice/')
  );
}

/**
 * Puts the CUDA libraries beside TensorFlow's, where `plumbline up` puts them on gpu-worker's library path.
 *
 * @param {string} directory of the GPU TensorFlow
 */
export async function ensureCuda(directory) {
  const target = join(directory, 'nvidia');
  if (existsSync(target)) return;
  const partial = join(directory, 'nvidia.partial');
  rmSync(partial, { recursive: true, force: true });
  try {
    for (const wheel of CUDA_WHEELS) {
      const download = join(partial, 'download');
      mkdirSync(download, { recursive: true });
      await showProgress(`Fetching ${wheel.name} ${wheel.version}`, async (report) => {
        const file = await downloadWheel(wheel, download, report);
        await extractWheel(file, partial, isNeeded, report);
      });
      rmSync(download, { recursive: true, force: true });
    }
    // A zip read without its modes.
    chmodSync(join(partial, 'nvidia', 'cuda_nvcc', 'bin', 'ptxas'), 0o755);
    renameSync(join(partial, 'nvidia'), target);
  } catch (error) {
    throw new SetUpError(
      `The CUDA libraries could not be had: ${error.message}\nWith CUDA 12 and cuDNN 9 of your own on LD_LIBRARY_PATH, use --no-cuda.`,
      { cause: error },
    );
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
