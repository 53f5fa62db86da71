/** Mixed precision as a change of the graph: matrix products take bf16, whatever else there is stays fp32. */
import { DATA_TYPES } from '../native.js';
import type { GraphFunction, GraphNode } from './graph.js';

const { float32: FLOAT, bfloat16: BFLOAT } = DATA_TYPES;

const PRODUCTS: Readonly<Record<string, string>> = { MatMul: 'product', BatchMatMulV2: 'output' };

/**
 * The graph with every fp32 matrix product (those of gradients, too) computed from operands rounded to bf16 and
 * widened to fp32 after. An operand of several products is rounded once.
 */
export function withBfloat16Products(graph: GraphFunction): GraphFunction {
  const nodes: GraphNode[] = [];
  const rounded = new Map<string, string>();
  /** Values that have another name now. */
  const renamed = new Map<string, string>();
  const current = (value: string): string => renamed.get(value) ?? value;
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
    const known = rounded.get(value) ?? cast(value, FLOAT, BFLOAT);
    rounded.set(value, known);
    return known;
  };

  for (const node of graph.nodes) {
    const inputs = node.inputs.map(current);
    const product = PRODUCTS[node.op];
    if (product === undefined || node.attributes['T']?.value !== FLOAT) {
      nodes.push({ ...node, inputs });
      continue;
    }
    const operands = inputs.map(round);
    nodes.push({
      ...node,
      inputs: operands,
      attributes: { ...node.attributes, T: { kind: 'type', value: BFLOAT } },
    });
    const result = `${node.name}:${product}:0`;
    renamed.set(result, cast(result, BFLOAT, FLOAT));
  }
  const outputs = graph.outputs.map(({ value, dataType }) => ({ value: current(value), dataType }));
  return { ...graph, nodes, outputs };
}
