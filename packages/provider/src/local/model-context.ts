import type { LoadedModels } from '../engine/loaded-models.ts';
import { readModelCard } from './model-card.ts';
import type { ShelfModel } from './model-shelf.ts';

/**
 * Finds the tokens that a request by this name may have. A loaded model has those of its engine, any other one those of its file. A
 * made model has at most those that it was given.
 * @returns undefined if nobody knows them before the model is loaded.
 */
export function findContextSize(loaded: Pick<LoadedModels, 'list'>, model: ShelfModel): number | undefined {
  const own = loaded
    .list()
    .find(({ reference }) => reference === model.reference)
    ?.engine.info().contextSize;
  const size = own ?? readTrainedContext(model);
  const given = model.defaults?.parameters?.num_ctx;
  if (size === undefined || typeof given !== 'number') return size;
  return Math.min(size, given);
}

/** A file that cannot be read is listed without its context. */
function readTrainedContext(model: ShelfModel): number | undefined {
  try {
    const { header, family } = readModelCard(model);
    const value = header?.metadata.get(`${family}.context_length`)?.value;
    return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
  } catch {
    return undefined;
  }
}
