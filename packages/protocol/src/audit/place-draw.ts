import { createWriter } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { drawInteger } from '../crypto/draw-integer.ts';
import type { AuditDraw } from './audit.ts';

const DOMAIN = encodeDomain('ogong-audit-place-v1');

/**
 * Draws the shard of a cohort that an audit attempt is about, if no verifier holds the whole model (docs/spec/audit-selection.md#place).
 * The audit rate covers a reply's fee by the held earnings. A shard that cheats gains its part of the fee, so its chance is that part.
 * @param draw of the audit attempt.
 * @param prices of the members in the order of their layers, not negative. If all are 0, each place has the same chance.
 * @returns place of the shard, from 0.
 * @throws RangeError without a price, or if they sum to more than 2^128.
 */
export function drawPlace(
  crypto: Crypto,
  { beacon, replyId }: Pick<AuditDraw, 'beacon' | 'replyId'>,
  prices: readonly bigint[],
): number {
  const chances = prices.every((price) => price === 0n) ? prices.map(() => 1n) : prices;
  const seed = crypto.sha256(createWriter().bytes(DOMAIN).bytes(beacon, 32).bytes(replyId, 16).finish());
  let rest = drawInteger(
    crypto,
    seed,
    chances.reduce((sum, chance) => sum + chance, 0n),
  );
  return chances.findIndex((chance) => {
    if (rest < chance) return true;
    rest -= chance;
    return false;
  });
}
