/**
 * Work on all parameters, layer by layer. Layers are alike, so inside a program it is one function that is called for
 * each of them: TensorFlow compiles it once, in a fraction of the memory, and runs the calls side by side.
 */
import { callEach, type Tensor } from '@plumbline/compute';
import type { Parameters } from '@plumbline/model';

/**
 * `fn` of each layer's tensors, and of those that belong to no layer.
 *
 * @param given tensors of every parameter: values, gradients, …
 * @param shared tensors that each call is given
 * @param fn finds tensors under the rest of their names (`attn.c_proj.bias`); it is one function of the program, so what
 *   it does may depend on names and shapes but not on the layer
 * @returns each of `fn`'s results for all layers; the layer is put before a name again
 */
export function eachLayer(
  given: readonly Parameters[],
  shared: Parameters,
  fn: (given: readonly Parameters[], shared: Parameters) => readonly Parameters[],
): Parameters[] {
  const together: Record<string, Tensor>[] = [];
  const sharedNames = Object.keys(shared);
  for (const layers of alikeLayers(given[0]!)) {
    const names = layers[0]!.names;
    let resultNames: readonly string[][] = [];
    const calls = callEach(
      (...inputs) => {
        const rest = inputs.slice();
        const own = given.map(() => named(names, rest));
        const results = fn(own, named(sharedNames, rest));
        resultNames = results.map((tensors) => Object.keys(tensors));
        return results.flatMap((tensors) => Object.values(tensors));
      },
      layers.map(({ layer }) => [
        ...given.flatMap((tensors) => names.map((name) => tensors[layer + name]!)),
        ...Object.values(shared),
      ]),
    );
    calls.forEach((outputs, call) => {
      const rest = outputs.slice();
      resultNames.forEach((inLayer, index) => {
        together[index] ??= {};
        for (const name of inLayer) together[index][layers[call]!.layer + name] = rest.shift()!;
      });
    });
  }
  return together;
}

function named(names: readonly string[], rest: Tensor[]): Parameters {
  return Object.fromEntries(names.map((name) => [name, rest.shift()!]));
}

/** `layer` and a name make a parameter's name. */
interface Layer {
  readonly layer: string;
  readonly names: string[];
}

/** The layers, with one more of the parameters in none; those with the same names and shapes are listed together. */
function alikeLayers(parameters: Parameters): Layer[][] {
  const layers = new Map<string, Layer>();
  for (const name of Object.keys(parameters)) {
    const layer = /^.*?\bh\.\d+\./.exec(name)?.[0] ?? '';
    const known = layers.get(layer) ?? { layer, names: [] };
    known.names.push(name.slice(layer.length));
    layers.set(layer, known);
  }
  const alike = new Map<string, Layer[]>();
  for (const entry of layers.values()) {
    const shapes = entry.names
      .map((name) => `${name} ${parameters[entry.layer + name]!.shape.join()}`)
      .join();
    alike.set(shapes, [...(alike.get(shapes) ?? []), entry]);
  }
  return [...alike.values()];
}
