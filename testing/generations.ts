/**
 * Epochs begin anew with each generation of the records. In a history they go on: those of each generation lie above
 * all those before.
 *
 * @module
 */

/** More than a shard can have in one generation. */
const EPOCHS = 1_000_000;

/** An epoch of that generation, counted from 0, as a history has it. */
export function epochIn(generation: number, epoch: number): number {
  return generation * EPOCHS + epoch;
}

/** The generation of an epoch in a history. */
export function generationOf(epoch: number): number {
  return Math.floor(epoch / EPOCHS);
}
