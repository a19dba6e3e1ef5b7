import { fromHex } from '@ogong/protocol/base/bytes';
import { type HeadVoters, parseHeadCertificate } from '@ogong/protocol/settlement/head-certificate';
import type { Deployment } from '../deployment.ts';
import { toAddress } from '../hex.ts';
import type { Transactor } from '../transactor.ts';
import { createBeaconKeysReads } from './beacon-keys.ts';
import { readVotes } from './votes.ts';

/**
 * Reads the signers of a head's certificate from the chain: their votes at a block, and the keys that they had registered by
 * then. @throws ChainError; ProtocolError if the certificate does not parse
 */
export async function readHeadVoters(
  { transactor, deployment }: { readonly transactor: Pick<Transactor, 'read'>; readonly deployment: Deployment },
  certificate: Uint8Array,
  blockNumber?: bigint,
): Promise<HeadVoters> {
  const { signatures } = parseHeadCertificate(certificate);
  const accounts = signatures.map(({ signer }) => toAddress(signer, 'signer'));
  const at = blockNumber === undefined ? {} : { blockNumber };
  const [votes, hashes] = await Promise.all([
    readVotes(transactor, deployment, { accounts, ...at }),
    createBeaconKeysReads(transactor, deployment).headKeyHashes(accounts, blockNumber),
  ]);
  return {
    totalStake: votes.total,
    voters: signatures.map(({ signer }, i) => {
      const hash = hashes[i];
      return { address: signer, stake: votes.each[i] ?? 0n, headKeyHash: hash && fromHex(hash.slice(2), 32) };
    }),
  };
}
