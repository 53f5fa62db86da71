import { works } from './run-command.mjs';

/** A Python 3 that has pip, as the words that start pip; null when there is none. */
export async function findPip() {
  const candidates = [['python3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip3'], ['pip']];
  for (const [command, ...args] of candidates) {
    if (await works(command, [...args, '--version'])) return [command, ...args];
  }
  return null;
}

/** Any Python 3; null when there is none. */
export async function findPython() {
  for (const command of ['python3', 'python']) {
    if (await works(command, ['-c', 'import sys; sys.exit(sys.version_info[0] < 3)'])) return command;
  }
  return null;
}
