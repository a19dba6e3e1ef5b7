import { lookUpTier } from '../../../tier/registry.ts';
import { RequestError } from '../../shared/request-error.ts';
import type { InferenceRequest } from './request.ts';

/** Refuses requests for things that replies of the model's tier cannot show. @throws RequestError */
export function assertTierShows({
  model,
  logprobs,
  pictureCount,
}: Pick<InferenceRequest, 'model' | 'logprobs' | 'pictureCount'>): void {
  const { tier } = lookUpTier(model.split('/')[1] ?? '');
  // A dispute traces a pass by the tokens of the prompt alone.
  if (pictureCount > 0 && tier?.verifierWork.includes('trace'))
    throw new RequestError(`messages: pictures are not served in tier ${tier.name}`, 'messages', 'unsupported_content');
  if (!logprobs || tier?.windows !== 'tokens') return;
  const message = `logprobs: replies of tier ${tier.name} sign no log-probabilities, so none are shown; ask for the model in another tier`;
  throw new RequestError(message, 'logprobs', 'unsupported_parameter');
}

/**
 * Returns whether every provider draws the same tokens for a reply: by its seed, or by taking the likeliest token. Then two
 * providers with the same logits give the same reply (docs/spec/sampler.md#draw-key).
 */
export function hasFixedDraws({ model, seed, sampler }: Pick<InferenceRequest, 'model' | 'seed' | 'sampler'>): boolean {
  const { tier } = lookUpTier(model.split('/')[1] ?? '');
  return tier?.windows === 'draws' && (seed !== undefined || sampler.temperatureQ16 === 0);
}
