import { toHex } from '../base/bytes.ts';
import { ATOMIC_PER_TOKEN } from '../exchange/stake-weights.ts';

/**
 * The co-signer's check of a list of candidates (docs/spec/candidate-lists.md). Nobody can prove afterwards which announcements
 * the handling validator had, or what its payees had staked. But every validator receives announcements of the same verifiers.
 * So each compares the list with the announcements that it stored itself.
 */

/** A candidate with its own chances in the draw: 1, plus its share of its payee's stake. */
export interface WeighedCandidate {
  /** 20 bytes. */
  readonly payee: Uint8Array;
  readonly weight: bigint;
}

interface PayeeTokens {
  readonly payee: Uint8Array;
  /** Whole tokens that the list counts for its keys. */
  tokens: bigint;
  keys: bigint;
}

function sumByPayee(list: readonly WeighedCandidate[]): Map<string, PayeeTokens> {
  const sums = new Map<string, PayeeTokens>();
  for (const { payee, weight } of list) {
    const sum = sums.get(toHex(payee)) ?? { payee, tokens: 0n, keys: 0n };
    sum.tokens += weight - 1n;
    sum.keys += 1n;
    sums.set(toHex(payee), sum);
  }
  return sums;
}

/** Returns the stake of a payee by a list, in whole tokens. */
export function countTokens(list: readonly WeighedCandidate[], payee: Uint8Array): bigint {
  return sumByPayee(list).get(toHex(payee))?.tokens ?? 0n;
}

/**
 * Returns whether a list leaves out more than half of the known stake. The payee with the largest missing stake does not count
 * on either side. An honest list leaves out a quarter at most (listCandidates). Validators do not receive every announcement at
 * the same moment, but they hand on those that another lacks. So a verifier that announces itself only to some validators gets
 * no list refused. The exception: no validator hands it on, and it has more than half of the stake under several payees.
 * @param known possible candidates, each with the chances of that list.
 */
export function isListLacking(known: readonly WeighedCandidate[], listed: readonly WeighedCandidate[]): boolean {
  const listedOf = sumByPayee(listed);
  let knownTokens = 0n;
  let missing = 0n;
  let largest = 0n;
  for (const [payee, { tokens, keys }] of sumByPayee(known)) {
    const found = listedOf.get(payee);
    // Whole tokens are shared among keys, and each key's share is rounded down. Made-up keys need no allowance for rounding.
    const counted = found === undefined ? 0n : found.tokens + keys;
    const lacks = tokens > counted ? tokens - counted : 0n;
    knownTokens += tokens;
    missing += lacks;
    if (lacks > largest) largest = lacks;
  }
  return 2n * (missing - largest) > knownTokens - largest;
}

/** A payee that has more chances in a list than others, because of its stake. */
export interface StakeClaim {
  readonly payee: Uint8Array;
  /** Whole tokens that the list counts for it. */
  readonly tokens: bigint;
}

/** Returns the stakes that a list claims for its payees, without those that count for nothing. */
export function listStakeClaims(listed: readonly WeighedCandidate[]): StakeClaim[] {
  return [...sumByPayee(listed).values()].filter(({ tokens }) => tokens > 0n);
}

/**
 * Returns whether a claimed stake of a payee is impossible. Stake leaves over days, so stake of a few hours ago is still there
 * or on its way out. Stake taken by penalties and cases is held for an appeal. A fifth may be gone for good: the penalties of
 * two days. Cases of two days count too, if the network's appeals are shorter than an entry's wait for signatures.
 * @param stakedAtomic the present stake, with stake on its way out and stake that penalties and cases hold.
 */
export function isBeyond(claimedAtomic: bigint, stakedAtomic: bigint): boolean {
  return 4n * claimedAtomic > 5n * stakedAtomic;
}

/** Returns whether the stake that a list counts for a payee is impossible. @param stakedAtomic as in isBeyond. */
export function isOverstated({ tokens }: Pick<StakeClaim, 'tokens'>, stakedAtomic: bigint): boolean {
  return isBeyond(tokens * ATOMIC_PER_TOKEN, stakedAtomic);
}
