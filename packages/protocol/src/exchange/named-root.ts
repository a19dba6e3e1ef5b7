import { utf8Encode } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { lookUpTier, TIERS } from '../tier/registry.ts';
import type { TierEntry } from '../tier/tier.ts';
import { parseModelId } from './match.ts';

const DOMAIN = encodeDomain('ogong-named-model-v1');

/**
 * Finds the root of a model that is known only by its name. Orders and records name every model by a root. This root says
 * nothing about weights.
 * @returns undefined for an invalid model id, and in tiers whose roots are roots of weights.
 */
export function findNamedRoot(
  crypto: Crypto,
  modelId: string,
  tiers: readonly TierEntry[] = TIERS,
): Uint8Array | undefined {
  if (lookUpTier(modelId.split('/')[1] ?? '', tiers).tier?.root !== 'name') return undefined;
  try {
    parseModelId(modelId);
  } catch {
    return undefined;
  }
  return crypto.sha256(DOMAIN, utf8Encode(modelId));
}
