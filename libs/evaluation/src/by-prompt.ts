/** A comparison has a prompt of its own: what is said of one comparison is said of one prompt. */
export function byPrompt(agreements: readonly { comparison: string; agreement: number }[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const { comparison, agreement } of agreements) {
    const group = groups.get(comparison);
    if (group) group.push(agreement);
    else groups.set(comparison, [agreement]);
  }
  return [...groups.values()];
}
