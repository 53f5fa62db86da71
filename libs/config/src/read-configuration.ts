import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LineCounter, parse, parseDocument } from 'yaml';
import { ConfigurationError } from './configuration-error.js';

const PRESET_DIRECTORY = fileURLToPath(new URL('../presets/', import.meta.url));

export interface Preset {
  readonly name: string;
  readonly description: string;
  /** Not yet resolved: pass it to `resolveConfiguration`. */
  readonly configuration: unknown;
}

/** The presets that ship with Plumbline, by name. */
export function loadPresets(): readonly Preset[] {
  return readdirSync(PRESET_DIRECTORY)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const text = readFileSync(resolve(PRESET_DIRECTORY, file), 'utf8');
      const description = /^#\s*(.+)$/m.exec(text)?.[1] ?? '';
      return { name: file.replace(/\.yaml$/, ''), description, configuration: parse(text) as unknown };
    });
}

/** @throws ConfigurationError naming the presets there are */
export function loadPreset(name: string): Preset {
  const presets = loadPresets();
  const preset = presets.find((candidate) => candidate.name === name);
  if (preset === undefined) {
    const known = presets.map((candidate) => candidate.name).join(', ');
    throw new ConfigurationError([{ path: '', message: `no preset called ${name}; there are ${known}` }]);
  }
  return preset;
}

export interface ConfigurationSource {
  readonly preset: string | null;
  readonly input: unknown;
  /** Where relative paths in the configuration start. */
  readonly baseDirectory: string;
}

/**
 * A preset's name or a YAML file's path, read but not yet resolved.
 * @throws ConfigurationError when there is neither, or the YAML is broken (with line and column)
 */
export function readConfiguration(presetOrFile: string): ConfigurationSource {
  const isFile = /\.ya?ml$/.test(presetOrFile) || presetOrFile.includes('/');
  if (!isFile)
    return { preset: presetOrFile, input: loadPreset(presetOrFile).configuration, baseDirectory: '.' };
  if (!existsSync(presetOrFile)) throw refusal(`no such file: ${presetOrFile}`);
  if (!statSync(presetOrFile).isFile()) throw refusal(`not a file: ${presetOrFile}`);
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(presetOrFile, 'utf8'), {
    lineCounter: lines,
    prettyErrors: false,
  });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw refusal(`${presetOrFile}:${line}:${col}: ${error.message}`);
  }
  try {
    return { preset: null, input: document.toJS() as unknown, baseDirectory: dirname(resolve(presetOrFile)) };
  } catch (error) {
    // An alias without its anchor, for one.
    throw refusal(`${presetOrFile}: ${(error as Error).message}`);
  }
}

function refusal(message: string): ConfigurationError {
  return new ConfigurationError([{ path: '', message }]);
}
