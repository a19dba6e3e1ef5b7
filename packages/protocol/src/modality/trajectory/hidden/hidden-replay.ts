import { equalBytes } from '../../../base/bytes.ts';
import { type Check, fail, skip } from '../../../base/checks.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { lookUpTier, TIERS } from '../../../tier/registry.ts';
import type { TierEntry } from '../../../tier/tier.ts';
import type { TrajectoryHeader } from '../header.ts';
import { type CommittedSteps, computeValuesRoot, type ReplayedSteps } from '../links.ts';
import { HIDDEN_VALUES, hidesSteps } from './hidden-facts.ts';

/**
 * Explains why a tier has no picture with, or without, steps; undefined if it has one. A provider must not hide the steps of a tier that
 * checks them.
 */
export function findHiddenProblem(
  { tier: name, facts }: Pick<TrajectoryHeader, 'tier' | 'facts'>,
  tiers: readonly TierEntry[] = TIERS,
): string | undefined {
  const { tier } = lookUpTier(name, tiers);
  // The posture of a tier that is refused fails by itself.
  if (tier === undefined || hidesSteps(facts) === (tier.windows === 'tokens')) return undefined;
  return `a picture with${hidesSteps(facts) ? 'out' : ''} steps, and tier ${name} has none`;
}

/** Replays a picture without steps: its only latent is zero. Nothing shows how the picture was made, and the checks say so. */
export function replayHidden(
  crypto: Crypto,
  { blind, header: { tier }, leaves }: Pick<CommittedSteps, 'blind' | 'header' | 'leaves'>,
): ReplayedSteps {
  const zero = computeValuesRoot(crypto, blind, new Float32Array(HIDDEN_VALUES));
  const isZero = equalBytes(leaves.finalRoot, zero);
  const reason = `tier ${tier} shows no steps: how the picture was made is not checked`;
  const links: Check = isZero
    ? skip('links', reason)
    : fail('links', 'a picture without steps has a latent that is not zero');
  return { checks: [links, skip('projections', reason)], latents: undefined };
}
