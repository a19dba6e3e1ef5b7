import { lookUpTier } from '../../../tier/registry.ts';
import type { InferenceRequest } from './request.ts';
import { RequestError } from './request-error.ts';

/** Refuses what replies of the model's tier cannot show. @throws RequestError */
export function assertTierShows({ model, logprobs }: Pick<InferenceRequest, 'model' | 'logprobs'>): void {
  const { tier } = lookUpTier(model.split('/')[1] ?? '');
  if (!logprobs || tier?.windows !== 'tokens') return;
  const message = `logprobs: replies of tier ${tier.name} sign no log-probabilities, so none are shown; ask for the model in another tier`;
  throw new RequestError(message, 'logprobs', 'unsupported_parameter');
}
