/**
 * Loaded by Node (`--import`) into gpu-worker and its TensorFlow process, from outside: Plumbline's own code knows
 * nothing of it. Writes every moment worth dying in to PLUMBLINE_DRILL/moments.jsonl, and dies by SIGKILL in those
 * that PLUMBLINE_DRILL/plan.json names. To see them it wraps what passes between the two processes, to the file system
 * and to Postgres:
 *
 * | moment                | process | what has happened                                                          |
 * | --------------------- | ------- | -------------------------------------------------------------------------- |
 * | `update`              | child   | an update is done and the next one begins; killed from outside, soon after |
 * | `write`               | child   | half of a checkpoint blob's bytes are in its temporary file                |
 * | `rename`, `renamed`   | child   | the blob, complete, is about to get its name; has just got it              |
 * | `commit-request`      | child   | all blobs are stored; the parent was not told                              |
 * | `commit-transaction`  | parent  | the transaction has written its rows and is not committed                  |
 * | `commit-answer`       | parent  | Postgres has committed; the child was not told                             |
 * | `commit-acknowledged` | child   | the child was just told                                                    |
 */
import childProcess from 'node:child_process';
import fileSystem from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { MomentRecorder } from './moments.mjs';

const folder = process.env.PLUMBLINE_DRILL;
const program = process.argv[1] ?? '';

if (folder && isMainThread) {
  if (program.endsWith('/apps/gpu-worker/dist/compute-child.js')) watchChild(new MomentRecorder(folder));
  if (program.endsWith('/apps/gpu-worker/dist/main.js')) watchParent(new MomentRecorder(folder));
}

function watchChild(moments) {
  // Not a listener: with one, Node would hand out messages before the program listens.
  const emit = process.emit.bind(process);
  process.emit = (event, ...values) => {
    const [message] = values;
    if (event === 'message' && message?.kind === 'start') moments.begin(message.step);
    if (event === 'message' && message?.kind === 'committed') moments.reached('commit-acknowledged');
    return emit(event, ...values);
  };
  /** Updates done, as last told; a process does one step. */
  let latest = null;
  const send = process.send.bind(process);
  process.send = (message, ...rest) => {
    if (message.kind === 'commit') moments.reached('commit-request');
    const result = send(message, ...rest);
    if (message.kind === 'progress' && isUpdates(message.progress)) {
      const { done, total } = message.progress;
      moments.progress(message.progress);
      // Whatever else is told of the same update (what it measured, what is being compiled) is no further one.
      if (done < total && done !== latest) moments.reached('update');
      latest = done;
    }
    return result;
  };
  watchFiles(moments);
}

function isUpdates({ unit }) {
  return unit === 'updates' || unit === 'iterations';
}

/** Files of the artifact store are written under a temporary name. What is stored before the first update is no checkpoint. */
function watchFiles(moments) {
  const { open, rename } = fileSystem;
  const counts = (path) => String(path).endsWith('.tmp') && moments.done > 0;
  fileSystem.open = async (path, ...rest) => {
    const file = await open(path, ...rest);
    if (!counts(path)) return file;
    const writeFile = file.writeFile.bind(file);
    file.writeFile = async (bytes) => {
      const half = Math.floor(bytes.byteLength / 2);
      await writeFile(bytes.subarray(0, half));
      moments.reached('write');
      await writeFile(bytes.subarray(half));
    };
    return file;
  };
  fileSystem.rename = async (from, to) => {
    if (counts(from)) moments.reached('rename');
    await rename(from, to);
    if (counts(from)) moments.reached('renamed');
  };
  syncBuiltinESMExports();
}

function watchParent(moments) {
  const { fork } = childProcess;
  childProcess.fork = (...values) => {
    const child = fork(...values);
    child.on('message', (message) => {
      if (message.kind === 'progress' && isUpdates(message.progress)) moments.progress(message.progress);
    });
    const send = child.send.bind(child);
    child.send = (message, ...rest) => {
      if (message.kind === 'start') moments.begin(message.step);
      if (message.kind === 'committed') moments.reached('commit-answer');
      return send(message, ...rest);
    };
    return child;
  };
  syncBuiltinESMExports();
  watchTransactions(moments);
}

function watchTransactions(moments) {
  const { Client } = createRequire(program)('pg');
  const { query } = Client.prototype;
  const committing = new WeakSet();
  Client.prototype.query = function (...values) {
    const text = typeof values[0] === 'string' ? values[0] : (values[0]?.text ?? '');
    if (text.startsWith('INSERT INTO checkpoints')) committing.add(this);
    if (text === 'ROLLBACK') committing.delete(this);
    if (text === 'COMMIT' && committing.delete(this)) moments.reached('commit-transaction');
    return query.apply(this, values);
  };
}
