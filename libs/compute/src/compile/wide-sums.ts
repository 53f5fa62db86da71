/** Sums of many tensors as sums of two: a change of the graph that changes no value. */
import type { Attribute, GraphFunction, GraphNode } from './graph.js';

/**
 * The graph with every AddN of more than two tensors as a chain of additions, in the order in which XLA would add. Where
 * a graph seems to need much memory, TensorFlow's memory optimizer makes an AddN a variable that is added to, in
 * whatever order the operands come; XLA then refuses the program.
 */
export function withoutWideSums(graph: GraphFunction): GraphFunction {
  const nodes: GraphNode[] = [];
  const renamed = new Map<string, string>();
  const current = (value: string): string => renamed.get(value) ?? value;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(current);
    if (node.op !== 'AddN' || inputs.length < 3) {
      nodes.push({ ...node, inputs });
      continue;
    }
    const type: Attribute = node.attributes['T']!;
    const total = inputs.reduce((sum, input, index) => {
      const name = `${node.name}_${index}`;
      nodes.push({ name, op: 'AddV2', inputs: [sum, input], attributes: { T: type } });
      return `${name}:z:0`;
    });
    renamed.set(`${node.name}:sum:0`, total);
  }
  const outputs = graph.outputs.map((output) => ({ ...output, value: current(output.value) }));
  const functions = graph.functions.map(({ name, body }) => ({ name, body: withoutWideSums(body) }));
  return { ...graph, nodes, outputs, functions };
}
