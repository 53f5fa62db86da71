/**
 * Reference of a policy's checkpoint to the one that optimisation went on from; the first has none. By it the frontier
 * of gold reward against KL finds the policy as it was earlier. A run that was interrupted writes the same chain.
 */
export const PREVIOUS_CHECKPOINT = 'previous';
