import { compareBytes, ProtocolError, toHex } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';

/** Atomic units of one whole token. */
export const ATOMIC_PER_TOKEN = 10n ** 18n;

/**
 * Computes the part of a payee's stake that counts for each of its keys in one list, in whole tokens. All its keys together
 * never count more than its stake.
 * @param stakeAtomic >= 0, of the payee.
 * @param keys number of the payee's keys in the list, >= 1.
 * @returns floor(floor(stake / 10^18) / keys).
 * @throws ProtocolError `out-of-range`.
 */
export function computeStakeShare(stakeAtomic: bigint, keys: number): bigint {
  if (stakeAtomic < 0n || !Number.isSafeInteger(keys) || keys < 1) {
    throw new ProtocolError('out-of-range', `stake of ${stakeAtomic} for ${keys} keys`);
  }
  return stakeAtomic / ATOMIC_PER_TOKEN / BigInt(keys);
}

interface Paid {
  /** 20 bytes. */
  readonly payee: Uint8Array;
}

/** Counts the occurrences of each payee in a list, by hex address. */
export function countPayees(list: readonly Paid[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { payee } of list) counts.set(toHex(payee), (counts.get(toHex(payee)) ?? 0) + 1);
  return counts;
}

/** Gives candidates their own chances in the draw of a verifier: 1, plus their share of the payee's stake. */
export function weighByStake<T extends Paid>(
  list: readonly T[],
  stakeOf: (payee: Uint8Array) => bigint,
): (T & { readonly weight: bigint })[] {
  const counts = countPayees(list);
  return list.map((one) => {
    const keys = counts.get(toHex(one.payee)) as number;
    return { ...one, weight: 1n + computeStakeShare(stakeOf(one.payee), keys) };
  });
}

/**
 * Reduces a list that is too long for the draw. It returns the remaining candidates, ascending by provider id, with their
 * chances (docs/spec/audit-selection.md). Candidates with stake stay before those without, so that many free names cannot
 * displace them. Within both groups the order is by SHA-256(salt || provider id) over the weight. So each candidate stays about
 * in proportion to its weight.
 * Source: priority sampling (Duffield, Lund and Thorup, Journal of the ACM 54(6), 2007).
 * @param limit >= 1.
 */
export function keepByStake<T extends Paid & { readonly providerId: Uint8Array }>(
  crypto: Crypto,
  list: readonly T[],
  {
    salt,
    limit,
    stakeOf,
  }: { readonly salt: Uint8Array; readonly limit: number; readonly stakeOf: (payee: Uint8Array) => bigint },
): (T & { readonly weight: bigint })[] {
  const byId = (a: T, b: T): number => compareBytes(a.providerId, b.providerId);
  if (list.length <= limit) return weighByStake([...list].sort(byId), stakeOf);
  const weighed = weighByStake(list, stakeOf).map((one, i) => ({
    one: list[i] as T,
    hasStake: one.weight > 1n,
    rank: BigInt(`0x${toHex(crypto.sha256(salt, one.providerId))}`) / one.weight,
  }));
  const kept = weighed
    .sort(
      (a, b) =>
        Number(b.hasStake) - Number(a.hasStake) || (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : byId(a.one, b.one)),
    )
    .slice(0, limit)
    .map(({ one }) => one)
    .sort(byId);
  return weighByStake(kept, stakeOf);
}
