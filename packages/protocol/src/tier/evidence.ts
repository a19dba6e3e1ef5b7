import { type Check, fail, pass } from '../base/checks.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { getPart } from './evidence-parts.ts';
import { lookUpTier, TIERS } from './registry.ts';
import type { EvidenceParts, OwnEvidence, ReceiptPart, SignedParts, TierEntry } from './tier.ts';

/** The evidence in a receipt, not checked yet. */
export interface CarriedEvidence {
  readonly parts: ReadonlySet<ReceiptPart>;
  /** By the name of the part. */
  readonly own: ReadonlyMap<string, Uint8Array>;
  readonly signed: SignedParts;
}

/**
 * Checks that a receipt carries the parts that the requested tier demands, and checks the tier's own evidence. A missing part fails. If it
 * were skipped, a missing proof would look like one that the tier does not need.
 */
export async function checkEvidence(
  crypto: Crypto,
  name: string,
  carried: CarriedEvidence,
  tiers: readonly TierEntry[] = TIERS,
): Promise<readonly Check[]> {
  const id = 'evidence';
  const { tier, refusal } = lookUpTier(name, tiers);
  if (tier === undefined) return [fail(id, refusal)];
  const names = [...tier.evidence, ...tier.ownEvidence.map((part) => part.name)];
  const missing = [
    ...tier.evidence.filter((part) => !carried.parts.has(part)),
    ...tier.ownEvidence.filter((part) => !carried.own.has(part.name)).map((part) => part.name),
  ];
  const whole =
    missing.length === 0
      ? pass(id, `${names.join(', ')}, as tier ${name} demands`)
      : fail(id, `tier ${name} demands what the receipt does not carry: ${missing.join(', ')}`);
  const own = await Promise.all(tier.ownEvidence.map((part) => checkOwn(crypto, name, part, carried)));
  return [whole, ...own.flat()];
}

/** Returns the parts that the tier names. Other parts are dropped: nobody checks them. */
export function pickEvidence(
  name: string,
  evidence: EvidenceParts,
  tiers: readonly TierEntry[] = TIERS,
): ReadonlyMap<string, Uint8Array> {
  const parts = new Map<string, Uint8Array>();
  for (const part of lookUpTier(name, tiers).tier?.ownEvidence ?? []) {
    const bytes = getPart(evidence, part.name);
    if (bytes !== undefined) parts.set(part.name, bytes);
  }
  return parts;
}

/** Whether these are parts of the tier alone, none of them longer than the tier allows. */
export function isOwnEvidence(name: string, evidence: EvidenceParts, tiers: readonly TierEntry[] = TIERS): boolean {
  const parts = lookUpTier(name, tiers).tier?.ownEvidence ?? [];
  return Object.entries(evidence).every(
    ([id, bytes]) => bytes.length <= (parts.find((part) => part.name === id)?.maxBytes ?? -1),
  );
}

/** Lists every check that the part promises, even if its bytes make the reader throw. */
async function checkOwn(
  crypto: Crypto,
  tier: string,
  part: OwnEvidence,
  { own, signed }: CarriedEvidence,
): Promise<readonly Check[]> {
  const bytes = own.get(part.name);
  if (bytes === undefined) {
    return part.checks.map((id) => fail(id, `tier ${tier} demands ${part.name}, which the receipt does not carry`));
  }
  let made: readonly Check[];
  try {
    made = await part.verify(crypto, bytes, signed);
  } catch (error) {
    return part.checks.map((id) => fail(id, `${part.name}: ${(error as Error).message}`));
  }
  const left = part.checks.filter((id) => !made.some((check) => check.id === id));
  return [...made, ...left.map((id) => fail(id, `${part.name} was read, but this check was not made`))];
}
