import { ChainError } from '@ogong/chain/errors';
import { encodeQuorumSum } from '@ogong/chain/validators/roster';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import {
  encodeQuorumMessage,
  MAX_ROSTER_MEMBERS,
  type RosterMember,
  sumShares,
  verifyQuorumSum,
} from '@ogong/protocol/settlement/quorum-sum';
import { listShares } from '../store/batch-store.ts';
import type { SettlementChain, SettlementState, Votes } from './settlement-state.ts';

/** With more signatures than this, an aggregated one costs less gas. */
export const DEFAULT_SUM_ABOVE = 22;

/** An element of a quorum with its votes. */
interface Summed {
  readonly element: Uint8Array;
  readonly votes: bigint;
}

/**
 * Aggregates many signatures into one for the chain. Takes a roster if none is in force, and rosters last long enough.
 * @returns undefined if too few have sent a share, or no roster can be taken. Then the signatures are sent one by one,
 * which always works. @throws ChainError
 */
export async function sumSignatures(
  { store, sums, rosterLife, onError }: Pick<SettlementState, 'store' | 'sums' | 'rosterLife' | 'onError'>,
  client: Pick<SettlementChain, 'rosterMembers' | 'takeRoster'>,
  { sequence, digest, votes }: { readonly sequence: bigint; readonly digest: Uint8Array; readonly votes: Votes },
): Promise<Summed | undefined> {
  if (sums === undefined) return undefined;
  const { bls } = sums;
  const members = await readRoster(client, votes, { rosterLife, sequence }).catch((error: unknown) => {
    onError(error);
    return [];
  });
  const kept = store.read(() => listShares(store, sequence));
  const message = encodeQuorumMessage(digest);
  const shares = members.map(({ address, key }) => {
    const share = kept.find(({ signer }) => equalBytes(signer, address))?.share;
    return key && share && bls.verify(key, message, share) ? share : undefined;
  });
  const sum = sumShares(bls, shares);
  if (sum === undefined) return undefined;
  const { ok, signedStake } = verifyQuorumSum(bls, { digest, members, sum });
  return ok ? { element: fromHex(encodeQuorumSum(sum).slice(2)), votes: signedStake } : undefined;
}

/**
 * Reads the roster in force. If there is none, and a new one is likely to last, takes it: all members with a vote, in
 * the order of their keys.
 */
export async function readRoster(
  client: Pick<SettlementChain, 'rosterMembers' | 'takeRoster'>,
  { voters, total }: Votes,
  { rosterLife, sequence }: Pick<SettlementState, 'rosterLife'> & { readonly sequence: bigint },
): Promise<readonly RosterMember[]> {
  const known = await client.rosterMembers();
  if (known.length > 0) {
    rosterLife.see(sequence);
    return known.map(toMember);
  }
  const voting = voters.filter(({ stake }) => stake > 0n);
  // The chain accepts only a roster of all votes, with a limited number of members.
  if (voting.length > MAX_ROSTER_MEMBERS) return [];
  if (voting.reduce((sum, { stake }) => sum + stake, 0n) !== total) return [];
  if (!rosterLife.mayTake(sequence)) return [];
  const ordered = voting
    // Members without a signing key come first, by account.
    .map(({ address, signingKey }) => ({ address, key: `${toHex(signingKey)}${toHex(address)}` }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  await client.takeRoster(ordered.map(({ address }) => address)).catch((error: unknown) => {
    // Another validator was faster.
    if (!(error instanceof ChainError && error.revert?.name === 'RosterInForce')) throw error;
  });
  return (await client.rosterMembers()).map(toMember);
}

function toMember({
  account,
  stake,
  key,
}: Awaited<ReturnType<SettlementChain['rosterMembers']>>[number]): RosterMember {
  return { address: fromHex(account.slice(2)), stake, key: key && fromHex(key.slice(2)) };
}

/**
 * Registers the key of this validator's aggregated signatures, once the network has so many validators that it matters.
 * Replaces another registered key.
 * @throws ChainError, SignerError
 */
export async function nameQuorumKey(
  { signer, sums, chain }: Pick<SettlementState, 'signer' | 'sums' | 'chain'>,
  client: Pick<SettlementChain, 'quorumKeyOf' | 'quorumKeyCountOf' | 'setQuorumKey'>,
): Promise<void> {
  const { quorumKey: key, signShare } = signer;
  if (sums === undefined || key === undefined || signShare === undefined) return;
  if (chain.validators().length <= sums.above) return;
  const named = await client.quorumKeyOf(signer.address);
  if (named === `0x${toHex(key)}`) return;
  const { address: account, signingKey } = signer;
  const number = (await client.quorumKeyCountOf(account)) + 1n;
  const statement = { kind: 'quorum-key', domain: sums.roster, account, number, key } as const;
  const [proof, consent] = [await signShare(statement), await signer.sign(statement)];
  await client.setQuorumKey({ account, signer: signingKey, key, proof, consent });
}
