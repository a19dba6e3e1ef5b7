import { toHex } from '../base/bytes.ts';
import { countTokensOfFee } from '../exchange/fee.ts';
import type { Order } from '../exchange/order.ts';

/** A verifier of a model, as it announces itself. */
export interface AnnouncedVerifier {
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** Tokens of prompt and reply. */
  readonly contextSize: number;
  /** Stake of its payee, in any unit. */
  readonly stake: bigint;
}

/**
 * Computes the room that a network has for replies of a model: the largest context that verifiers with three quarters of their
 * stake announce. Announcing a context costs nothing, so the largest single one does not count, unless nobody has stake. With
 * less than three quarters a list of candidates is not narrowed by context (docs/spec/validator-audits.md).
 * @returns undefined without a verifier.
 */
export function computeVerifierRoom(verifiers: readonly AnnouncedVerifier[]): number | undefined {
  const payees = new Map<string, AnnouncedVerifier>();
  for (const verifier of verifiers) {
    const known = payees.get(toHex(verifier.payee));
    if (known === undefined || known.contextSize < verifier.contextSize) payees.set(toHex(verifier.payee), verifier);
  }
  const sorted = [...payees.values()].sort((a, b) => b.contextSize - a.contextSize);
  const total = sorted.reduce((sum, { stake }) => sum + stake, 0n);
  let stake = 0n;
  const least = sorted.find((verifier) => {
    stake += verifier.stake;
    return 4n * stake >= 3n * total;
  });
  return least?.contextSize;
}

/** Computes the most tokens of prompt and reply under an order: by its context, and by its largest fee. */
export function computeOrderRoom({
  contextSize,
  pricePer1kAtomic,
  maxFeeAtomic,
}: Pick<Order, 'contextSize' | 'pricePer1kAtomic' | 'maxFeeAtomic'>): number {
  const paid = countTokensOfFee(maxFeeAtomic, pricePer1kAtomic);
  return paid < BigInt(contextSize) ? Number(paid) : contextSize;
}

/** The verifiers that may be drawn for a reply. */
export interface RoomyVerifiers {
  /** Verifiers of the whole model. */
  readonly whole: readonly AnnouncedVerifier[];
  /** Verifiers of each shard of the provider's cohort. They are drawn if nobody verifies the whole model. Default: it serves alone. */
  readonly shards?: readonly (readonly AnnouncedVerifier[])[];
}

/**
 * Explains why no verifier of a model can compare so long a reply; undefined if some can, or if the model has no verifier. Any shard may
 * be drawn, so the one with the least room counts.
 */
export function findVerifierRoomProblem({ whole, shards = [] }: RoomyVerifiers, tokens: number): string | undefined {
  const rooms = (whole.length > 0 ? [whole] : shards).flatMap((verifiers) => computeVerifierRoom(verifiers) ?? []);
  const room = rooms.length === 0 ? undefined : Math.min(...rooms);
  if (room === undefined || tokens <= room) return undefined;
  return `verifiers of this model have room for ${room} tokens of prompt and reply, not for ${tokens}`;
}
