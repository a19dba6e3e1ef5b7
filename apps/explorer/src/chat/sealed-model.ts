import { isAttestedTier } from '@ogong/protocol/tier/registry';

/** Whether a model runs in attested machines (`tee`, `tee-proxy`). The page then sends its requests sealed, and never in plain. */
export function isSealedModel(model: string): boolean {
  const [, tier = ''] = model.split('/');
  return isAttestedTier(tier);
}
