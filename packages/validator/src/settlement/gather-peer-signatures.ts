import type { ChainClient } from '@ogong/chain/client';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type QuorumMember, type QuorumSignature, verifyQuorum } from '@ogong/protocol/crypto/quorum';
import { pickFewest, readVotes } from './gather-signatures.ts';

export interface SignatureGathering {
  readonly crypto: Crypto;
  /** The digest that all sign. */
  readonly digest: Uint8Array;
  readonly own: QuorumSignature;
  /** The registered validators. */
  readonly validators: readonly QuorumMember[];
  /** Asks a peer for its signature; empty if it has none. */
  readonly ask: (peer: QuorumMember) => Promise<Uint8Array>;
  readonly onError: (error: unknown) => void;
}

/**
 * Asks every peer at once for its signature under one digest. Invalid signatures do not count.
 * @returns the fewest that suffice, in the contract's order; undefined while they do not suffice. @throws ChainError
 */
export async function gatherPeerSignatures(
  client: Pick<ChainClient, 'votesOf'>,
  { crypto, digest, own, validators, ask, onError }: SignatureGathering,
): Promise<Uint8Array[] | undefined> {
  const peers = validators.filter(({ address }) => !equalBytes(address, own.signer));
  const answers = peers.map(async (peer): Promise<QuorumSignature[]> => {
    try {
      return [{ signer: peer.address, signature: await ask(peer) }];
    } catch (error) {
      onError(error);
      return [];
    }
  });
  const signatures = [own, ...(await Promise.all(answers)).flat()].filter(({ signature: one }) => one.length > 0);
  const votes = await readVotes(client, validators, signatures);
  const quorum = verifyQuorum(crypto, { digest, signatures, validators: votes.voters, totalStake: votes.total });
  return quorum.ok ? pickFewest(quorum.signatures, votes, 1).map((one) => one.signature) : undefined;
}
