import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { home, NODE_MODULES } from './paths.mjs';
import { showProgress } from './progress.mjs';
import { findPython } from './python.mjs';
import { CommandError, runCommand, works } from './run-command.mjs';
import { SetUpError } from './set-up-error.mjs';
import { downloadWheel, extractWheel } from './wheel.mjs';

/** @typedef {'cpu' | 'gpu'} Device */

const VERSION = '2.21.0';

/**
 * The wheels whose C libraries the binding is built against, by device and platform. Any CPython's would do: only
 * the C libraries and headers are taken.
 * @type {Record<Device, Record<string, import('./wheel.mjs').Wheel>>}
 */
export const WHEELS = {
  cpu: {
    'linux-x64': {
      name: 'tensorflow-cpu',
      version: VERSION,
      python: '3.12',
      platform: 'manylinux_2_27_x86_64',
      bytes: 274_000_871,
      sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
    },
    'linux-arm64': {
      name: 'tensorflow',
      version: VERSION,
      python: '3.12',
      platform: 'manylinux_2_27_aarch64',
      bytes: 281_946_471,
      sha256: 'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
    },
  },
  gpu: {
    'linux-x64': {
      name: 'tensorflow',
      version: VERSION,
      python: '3.12',
      platform: 'manylinux_2_27_x86_64',
      bytes: 572_611_111,
      sha256: 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
    },
  },
};

const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const HEADERS = ['tensorflow/c/', 'tensorflow/core/', 'tsl/', 'xla/tsl/'];

/** What of the wheel is needed: two libraries and the headers that the binding includes. */
export function isNeeded(member) {
  return (
    LIBRARIES.some((library) => member === `tensorflow/${library}`) ||
    HEADERS.some((header) => member.startsWith(`tensorflow/include/${header}`))
  );
}

/** npm's package of the binding. */
function packageDirectory(device) {
  return join(NODE_MODULES, '@tensorflow', device === 'gpu' ? 'tfjs-node-gpu' : 'tfjs-node');
}

/** Where the libraries of a device are kept; complete if it exists, since it is renamed into place. */
export function libraryDirectory(device) {
  return join(home(), 'tensorflow', `${device}-${VERSION}`);
}

/**
 * Makes tfjs-node of that device loadable.
 * @param {Device} device
 */
export async function ensureTensorFlow(device) {
  const directory = packageDirectory(device);
  if (!existsSync(directory))
    throw new SetUpError(
      `${directory} is missing: npm could not install this optional package; delete node_modules and run the bootstrap again`,
    );
  if (isReady(device)) return;
  const wheel = WHEELS[device][`${process.platform}-${process.arch}`];
  const refusal = wheel
    ? await installFromWheel(device, wheel)
    : `no wheel for ${process.platform}-${process.arch}`;
  if (refusal !== null) await installStock(device, refusal);
  await showProgress(`Loading TensorFlow (${device})`, () => checkLoads(device));
  writeFileSync(stampFile(device), stampOf(device));
}

function stampFile(device) {
  return join(packageDirectory(device), '.plumbline-ready');
}

/** Changes whenever the libraries, the Node that built the binding, or the binding itself do. */
function stampOf(device) {
  const directory = packageDirectory(device);
  const library = realpathSync(join(directory, 'deps', 'lib', 'libtensorflow.so'));
  const binding = createHash('sha256')
    .update(readFileSync(bindingFile(device)))
    .digest('hex');
  return JSON.stringify({ library, binding, node: process.versions.modules });
}

/** Not from the N-API version of this Node: tfjs-node knows only some of them and takes the highest. */
function bindingFile(device) {
  const { binary } = JSON.parse(readFileSync(join(packageDirectory(device), 'package.json'), 'utf8'));
  const known = binary.napi_versions.filter((version) => version <= Number(process.versions.napi));
  return join(packageDirectory(device), 'lib', `napi-v${Math.max(...known)}`, 'tfjs_binding.node');
}

function isReady(device) {
  try {
    return readFileSync(stampFile(device), 'utf8') === stampOf(device);
  } catch {
    return false;
  }
}

/** @returns {Promise<string | null>} why the wheel could not be had; null when all went well */
async function installFromWheel(device, wheel) {
  const directory = libraryDirectory(device);
  if (!existsSync(directory)) {
    const refusal = await fetchLibraries(wheel, directory);
    if (refusal !== null) return refusal;
  }
  linkLibraries(device, directory);
  // Built for this package before, with the libraries elsewhere: the links were all that was missing.
  if (existsSync(bindingFile(device)) && (await loads(device))) return null;
  await showProgress(`Building the TensorFlow binding (${device})`, () => buildBinding(device));
  return null;
}

async function fetchLibraries(wheel, directory) {
  const partial = `${directory}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(join(partial, 'download'), { recursive: true });
  const title = `${wheel.name} ${wheel.version}`;
  try {
    const file = await showProgress(`Downloading ${title}`, (report) =>
      downloadWheel(wheel, join(partial, 'download'), report),
    );
    await showProgress(`Unpacking ${title}`, (report) =>
      extractWheel(file, join(partial, 'content'), isNeeded, report),
    );
    rmSync(directory, { recursive: true, force: true });
    renameSync(join(partial, 'content'), directory);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Points the package at the libraries, whatever it pointed at before. */
function linkLibraries(device, directory) {
  const deps = join(packageDirectory(device), 'deps');
  const [cc, framework] = LIBRARIES.map((library) => join(directory, 'tensorflow', library));
  const links = {
    'lib/libtensorflow.so': cc,
    [`lib/${LIBRARIES[0]}`]: cc,
    'lib/libtensorflow_framework.so': framework,
    [`lib/${LIBRARIES[1]}`]: framework,
  };
  for (const top of ['tensorflow', 'tsl', 'xla'])
    links[`include/${top}`] = join(directory, 'tensorflow', 'include', top);
  for (const [name, target] of Object.entries(links)) replaceLink(join(deps, name), target);
}

function replaceLink(path, target) {
  mkdirSync(dirname(path), { recursive: true });
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(path) === target) return;
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
}

async function buildBinding(device) {
  if (!(await findPython()))
    throw new SetUpError(
      'No Python 3 found, which builds the TensorFlow binding. Install python3 and run this again.',
    );
  if (!(await works('c++', ['--version'])) && !(await works('g++', ['--version'])))
    throw new SetUpError(
      'No C++ compiler found. Install one (Debian: apt-get install g++ make) and run this again.',
    );
  if (!(await works('make', ['--version'])))
    throw new SetUpError('No make found. Install it (Debian: apt-get install make) and run this again.');
  const env = { ...process.env };
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  // Without Node's own headers node-gyp downloads them.
  if (existsSync(join(prefix, 'include', 'node', 'node.h'))) env.npm_config_nodedir = prefix;
  else delete env.npm_config_nodedir;
  const gyp = nodeGyp();
  if (gyp !== null) env.npm_config_node_gyp = gyp;
  try {
    await runCommand(
      process.execPath,
      [
        join(NODE_MODULES, '@mapbox', 'node-pre-gyp', 'bin', 'node-pre-gyp'),
        'install',
        '--build-from-source',
      ],
      { cwd: packageDirectory(device), env },
    );
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new SetUpError(`The TensorFlow binding could not be built:\n${error.message}`, { cause: error });
  }
}

/** The node-gyp that ships inside npm; node-pre-gyp looks only beside Node's own executable. */
function nodeGyp() {
  const roots = [];
  // …/npm/bin/npm-cli.js, set by `npm run`
  if (process.env.npm_execpath) roots.push(dirname(dirname(process.env.npm_execpath)));
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  roots.push(join(prefix, 'lib', 'node_modules', 'npm'), join(prefix, 'share', 'nodejs', 'npm'));
  const files = roots.map((root) => join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'));
  return files.find((file) => existsSync(file)) ?? null;
}

/** The package's own install script: it downloads an older TensorFlow and builds, or downloads the binding too. */
async function installStock(device, refusal) {
  const directory = packageDirectory(device);
  rmSync(join(directory, 'deps'), { recursive: true, force: true });
  try {
    await showProgress(`Installing ${device} TensorFlow as tfjs-node ships it`, () =>
      runCommand(process.execPath, ['scripts/install.js', ...(device === 'gpu' ? ['gpu', 'download'] : [])], {
        cwd: directory,
        env: { ...process.env, PATH: `${join(NODE_MODULES, '.bin')}:${process.env.PATH}` },
        timeoutMs: 20 * 60_000,
      }),
    );
    if (!existsSync(bindingFile(device))) throw new Error('it ended without a binding');
  } catch (error) {
    const stock = error instanceof Error ? error.message : String(error);
    throw new SetUpError(
      [
        `TensorFlow could not be had in either way.`,
        `1. The Python wheel: ${indent(refusal)}`,
        `2. tfjs-node's own download: ${indent(stock)}`,
        `Give pip an index that it can reach (PIP_INDEX_URL), or unpack a ${WHEELS[device]['linux-x64'].name} ${VERSION} wheel`,
        `for Linux into ${libraryDirectory(device)}, and run \`npm run bootstrap\` again.`,
      ].join('\n'),
      { cause: error },
    );
  }
}

function indent(text) {
  return text.trim().replaceAll('\n', '\n   ');
}

/** A product of two matrices in a process of its own: a broken library would take ours with it. */
const CHECK = `
  const util = require('util');
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  const tf = require(process.argv[1]);
  const product = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5], [6]])).dataSync();
  if (tf.getBackend() !== 'tensorflow') throw new Error('the backend is ' + tf.getBackend());
  if (product[0] !== 17 || product[1] !== 39) throw new Error('wrong product ' + product);
`;

function loads(device) {
  return checkLoads(device).then(
    () => true,
    () => false,
  );
}

/**
 * @param {Device} device
 * @param {Record<string, string>} [env] added to the environment
 * @throws SetUpError when TensorFlow cannot be loaded or computes wrongly
 */
export async function checkLoads(device, env = {}) {
  try {
    await runCommand(process.execPath, ['-e', CHECK, packageDirectory(device)], {
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', ...env },
      timeoutMs: 120_000,
    });
  } catch (error) {
    throw new SetUpError(`TensorFlow (${device}) was installed but does not work:\n${error.message}`, {
      cause: error,
    });
  }
}
