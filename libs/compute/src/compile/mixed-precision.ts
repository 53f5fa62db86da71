/** Mixed precision as a change of the graph: matrix products take bf16, whatever else there is stays fp32. */
import { DATA_TYPES } from '../native.js';
import { CALL, inputName, type GraphFunction, type GraphNode, type NamedGraphFunction } from './graph.js';

const { float32: FLOAT, bfloat16: BFLOAT } = DATA_TYPES;

const PRODUCTS: Readonly<Record<string, string>> = { MatMul: 'product', BatchMatMulV2: 'output' };

/**
 * The graph with every fp32 matrix product (those of gradients, too) computed from operands rounded to bf16 and
 * widened to fp32 after. An operand of several products is rounded once, outside of the functions that take it.
 */
export function withBfloat16Products(graph: GraphFunction): GraphFunction {
  return rewritten(graph, false).body;
}

interface Rewritten {
  readonly body: GraphFunction;
  /** Inputs that are given a second time, rounded, after all others. */
  readonly roundedInputs: readonly number[];
  /** Outputs that are returned as bf16, because they are products' results. */
  readonly narrowOutputs: readonly boolean[];
}

/** @param called whether it can have bf16 inputs and outputs, because those who call it are rewritten as well */
function rewritten(graph: GraphFunction, called: boolean): Rewritten {
  const nodes: GraphNode[] = [];
  /** By fp32 value, the bf16 value next to it: its rounding, or what it was widened from. */
  const narrow = new Map<string, string>();
  const widened = new Set<string>();
  /** Values that have another name now. */
  const renamed = new Map<string, string>();
  const current = (value: string): string => renamed.get(value) ?? value;
  const inputs = new Map(graph.inputTypes.map((_, index) => [inputName(index), index]));
  const roundedInputs: number[] = [];
  const functions = new Map(graph.functions.map(({ name, body }) => [name, rewritten(body, true)]));

  const cast = (value: string, from: number, to: number): string => {
    const name = `cast${nodes.length}`;
    nodes.push({
      name,
      op: 'Cast',
      inputs: [value],
      attributes: {
        SrcT: { kind: 'type', value: from },
        DstT: { kind: 'type', value: to },
        Truncate: { kind: 'boolean', value: false },
      },
    });
    return `${name}:y:0`;
  };
  const round = (value: string): string => {
    let known = narrow.get(value);
    if (known === undefined) {
      const input = called ? inputs.get(value) : undefined;
      known =
        input === undefined
          ? cast(value, FLOAT, BFLOAT)
          : inputName(graph.inputTypes.length + roundedInputs.push(input) - 1);
      narrow.set(value, known);
    }
    return known;
  };
  const widen = (value: string): void => {
    const wide = cast(value, BFLOAT, FLOAT);
    narrow.set(wide, value);
    widened.add(wide);
    renamed.set(value, wide);
  };

  for (const node of graph.nodes) {
    const given = node.inputs.map(current);
    const product = PRODUCTS[node.op];
    const f = node.op === CALL ? functions.get(node.attributes['f']!.value as string) : undefined;
    if (product !== undefined && node.attributes['T']?.value === FLOAT) {
      nodes.push({
        ...node,
        inputs: given.map(round),
        attributes: { ...node.attributes, T: { kind: 'type', value: BFLOAT } },
      });
      widen(`${node.name}:${product}:0`);
    } else if (f) {
      const count = graph.functions.find(({ name }) => name === node.attributes['f']!.value)!.body.inputTypes
        .length;
      const rounded = f.roundedInputs.map((index) => round(given[index]!));
      nodes.push({
        ...node,
        inputs: [...given.slice(0, count), ...rounded, ...given.slice(count)],
        attributes: {
          ...node.attributes,
          Tin: { kind: 'types', value: f.body.inputTypes },
          Tout: { kind: 'types', value: f.body.outputs.map(({ dataType }) => dataType) },
        },
      });
      f.narrowOutputs.forEach((isNarrow, index) => {
        if (isNarrow) widen(`${node.name}:output:${index}`);
      });
    } else {
      nodes.push({ ...node, inputs: given });
    }
  }

  const values = graph.outputs.map(({ value }) => current(value));
  const narrowOutputs = values.map((value) => called && widened.has(value));
  const body: GraphFunction = {
    inputTypes: [...graph.inputTypes, ...roundedInputs.map(() => BFLOAT)],
    nodes,
    outputs: graph.outputs.map(({ dataType, shape }, index) =>
      narrowOutputs[index]
        ? { value: narrow.get(values[index]!)!, dataType: BFLOAT, shape }
        : { value: values[index]!, dataType, shape },
    ),
    functions: graph.functions.map(({ name }): NamedGraphFunction => ({
      name,
      body: functions.get(name)!.body,
    })),
  };
  return { body, roundedInputs, narrowOutputs };
}
