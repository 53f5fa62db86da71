import type { InputName, StepInputs } from '@plumbline/contracts';

/** @throws Error naming the input that is not there */
export function requiredInput(inputs: StepInputs, name: InputName): string {
  const id = inputs[name];
  if (id === undefined) throw new Error(`inputs.${name}: the step needs it`);
  return id;
}
