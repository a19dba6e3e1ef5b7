import { ProtocolError } from '../base/bytes.ts';
import { MACHINE_CHECK } from './attestation.ts';
import { proxiedPart } from './proxied.ts';
import { replay } from './replay.ts';
import { tee } from './tee.ts';
import { teeProxy } from './tee-proxy.ts';
import type { OwnEvidence, Tier, TierEntry } from './tier.ts';
import { vanilla } from './vanilla.ts';
import { verified } from './verified.ts';

/** Every tier that a model id can name: the only list of them. */
export const TIERS: readonly TierEntry[] = [
  verified,
  replay,
  tee,
  teeProxy,
  { name: 'proof', missing: 'a check of zero-knowledge proofs, on the chain' },
  vanilla,
];

/** A tier that is served, or why it is not. */
export type TierLookup =
  | { readonly tier: Tier; readonly refusal?: undefined }
  | { readonly tier?: undefined; readonly refusal: string };

export function isTier(name: string, tiers: readonly TierEntry[] = TIERS): boolean {
  return tiers.some((tier) => tier.name === name);
}

/** The one place that refuses a tier, with one sentence for consumers, providers, routers and checkers alike. */
export function lookUpTier(name: string, tiers: readonly TierEntry[] = TIERS): TierLookup {
  const entry = tiers.find((tier) => tier.name === name);
  if (entry === undefined) {
    const known = tiers.map((tier) => tier.name).join(', ');
    return { refusal: `no tier is called ${JSON.stringify(name.slice(0, 32))}: there are ${known}` };
  }
  if ('missing' in entry) return { refusal: `tier ${name} is not served yet: it takes ${entry.missing}` };
  return { tier: entry };
}

export function listServedTiers(tiers: readonly TierEntry[] = TIERS): readonly Tier[] {
  return tiers.filter((entry): entry is Tier => 'method' in entry);
}

/** Largest own evidence of a reply in any tier: the room that messages with a record need for it. */
export const MAX_OWN_EVIDENCE_BYTES: number = Math.max(
  ...listServedTiers().map(({ ownEvidence }) => ownEvidence.reduce((sum, { maxBytes }) => sum + maxBytes, 0)),
);

/** Whether replies of the tier carry evidence of the machine that made them (docs/spec/tee-tier.md). */
export function isAttestedTier(name: string, tiers: readonly TierEntry[] = TIERS): boolean {
  return getAttestationPart(name, tiers) !== undefined;
}

/** How the machine's part of a receipt of the tier is read; undefined where its receipts carry none. */
export const getAttestationPart = (name: string, tiers: readonly TierEntry[] = TIERS): OwnEvidence | undefined =>
  lookUpTier(name, tiers).tier?.ownEvidence.find((part) => part.checks.includes(MACHINE_CHECK));

/** Whether its replies are those of a hosted model, and show what it was asked and told. */
export const isProxiedTier = (name: string, tiers: readonly TierEntry[] = TIERS): boolean =>
  getAttestationPart(name, tiers) === proxiedPart;

/** @throws ProtocolError `unsupported` where the tier is refused. */
export function getTier(name: string, tiers: readonly TierEntry[] = TIERS): Tier {
  const { tier, refusal } = lookUpTier(name, tiers);
  if (tier === undefined) throw new ProtocolError('unsupported', refusal);
  return tier;
}
