import { type DrawRow, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { createDrawSource } from '@ogong/protocol/modality/text/sampling/draw-key';
import {
  computeCost,
  computeWeights,
  createWeights,
  drawRank,
  isListedOrder,
  MAX_LISTED,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { nativeHash } from '../decode/native-hash.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { TextGenerationRequest } from '../interface/text.ts';

/** Replays what another program drew, before anything of it leaves or is signed. @throws EngineError at the first other draw. */
export function createDrawCheck({
  sampler,
  bias,
  drawKey,
}: Pick<TextGenerationRequest, 'sampler' | 'bias' | 'drawKey'>): (row: DrawRow) => void {
  const source = createDrawSource(nativeHash, drawKey);
  const biasOf = new Map(bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const counts = new Map<number, number>();
  const costs = new Float64Array(MAX_LISTED);
  const weights = createWeights();
  let position = 0;
  return (row) => {
    const { ids, q, tail, rank } = row;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number;
      costs[i] = computeCost(q[i] as number, biasOf.get(id) ?? 0, counts.get(id) ?? 0, sampler);
    }
    computeWeights(costs, ids.length, tail, sampler, weights);
    const isOwn = isListedOrder(ids, costs, ids.length) && drawRank(ids, weights, source.draw(position)) === rank;
    if (!isOwn)
      throw new EngineError(
        'engine-crashed',
        `the server drew another token at position ${position} than its key does`,
      );
    position++;
    const token = tokenOf(row);
    counts.set(token, (counts.get(token) ?? 0) + 1);
  };
}
