import { toHex } from '../base/bytes.ts';
import { ATOMIC_PER_TOKEN } from '../exchange/stake-weights.ts';

/**
 * Which list of candidates a co-signer believes (docs/spec/candidate-lists.md). Who was announced to the handling
 * validator, and what its payees had staked, nobody can prove afterwards. Every validator hears the same verifiers, so each compares the
 * list with those that it held itself.
 */

/** A candidate with its own chances in the draw: 1, and its share of what its payee has staked. */
export interface WeighedCandidate {
  /** 20 bytes. */
  readonly payee: Uint8Array;
  readonly weight: bigint;
}

interface PayeeTokens {
  readonly payee: Uint8Array;
  /** Whole tokens that its keys count with in the list. */
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

/**
 * Whether a list leaves out more than half of the stake that somebody else knows, the payee with the largest missing stake left out of
 * account on both sides. An honest list leaves out a quarter at most (listCandidates), and validators do not hear of everybody at the
 * same moment; what one of them lacks, others hand on. So whoever announces itself to some validators alone gets no list refused,
 * unless nobody hands it on and it has more than half of the stake under several payees.
 * @param known who could have been listed, each with the chances of that list.
 */
export function isListLacking(known: readonly WeighedCandidate[], listed: readonly WeighedCandidate[]): boolean {
  const listedOf = sumByPayee(listed);
  let knownTokens = 0n;
  let missing = 0n;
  let largest = 0n;
  for (const [payee, { tokens, keys }] of sumByPayee(known)) {
    const found = listedOf.get(payee);
    // Whole tokens are shared among keys, and each key's share is rounded down. Keys that somebody makes up round nothing.
    const counted = found === undefined ? 0n : found.tokens + keys;
    const lacks = tokens > counted ? tokens - counted : 0n;
    knownTokens += tokens;
    missing += lacks;
    if (lacks > largest) largest = lacks;
  }
  return 2n * (missing - largest) > knownTokens - largest;
}

/** A payee with more chances in a list than others for its stake. */
export interface StakeClaim {
  readonly payee: Uint8Array;
  /** Whole tokens that the list counts for it. */
  readonly tokens: bigint;
}

/** What a list says that its payees had staked; nobody who counts for nothing. */
export function listStakeClaims(listed: readonly WeighedCandidate[]): StakeClaim[] {
  return [...sumByPayee(listed).values()].filter(({ tokens }) => tokens > 0n);
}

/**
 * Whether a payee cannot have had a stake. Stake leaves over days, so what was there hours ago is still there or on its way out; and what
 * penalties and cases took is held for an appeal. A fifth may be gone for good: the penalties of two days, or their cases, where a
 * network's appeals are shorter than an entry waits for signatures.
 * @param stakedAtomic now, with what is on its way out, and what penalties and cases hold of it.
 */
export function isBeyond(claimedAtomic: bigint, stakedAtomic: bigint): boolean {
  return 4n * claimedAtomic > 5n * stakedAtomic;
}

/** Whether a payee cannot have had the stake that a list counts for it. @param stakedAtomic as in isBeyond. */
export function isOverstated({ tokens }: Pick<StakeClaim, 'tokens'>, stakedAtomic: bigint): boolean {
  return isBeyond(tokens * ATOMIC_PER_TOKEN, stakedAtomic);
}
