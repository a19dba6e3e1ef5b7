import { ChainError } from '@ogong/chain/errors';
import { fromHex } from '@ogong/protocol/base/bytes';
import { summarizeSettlement } from '@ogong/protocol/settlement/batch';
import { buildHeadCertificate, encodeHeadCertificate } from '@ogong/protocol/settlement/head-certificate';
import { keepHead, listHeads, type StoredBatch } from '../store/batch-store.ts';
import { readVotes } from './gather-signatures.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';

/**
 * Stores a quorum's certificate over the head of a settled batch, if enough hybrid keys have signed it. The chain has
 * accepted the batch already, so a batch without a certificate is recorded, too.
 * @param blockNumber block in which the chain accepted it. It decides the votes and keys. If undefined, the present
 * ones count.
 */
export async function certifyHead(
  state: SettlementState,
  client: SettlementChain,
  batch: StoredBatch,
  blockNumber: bigint | undefined,
): Promise<void> {
  try {
    await certifyAt(state, client, batch, blockNumber).catch((error: unknown) => {
      if (!(error instanceof ChainError) || blockNumber === undefined) throw error;
      // The node may lack that block or its state. Readers check the certificate by votes and keys that they know.
      return certifyAt(state, client, batch, undefined);
    });
  } catch (error) {
    state.onError(error);
  }
}

async function certifyAt(
  { crypto, domain, store, group, chain }: SettlementState,
  client: SettlementChain,
  { sequence, settlement }: StoredBatch,
  blockNumber: bigint | undefined,
): Promise<void> {
  const signatures = store.read(() => listHeads(store, sequence));
  const { headKeyHashes, deployment } = client;
  if (signatures.length === 0 || headKeyHashes === undefined || deployment?.beaconKeys === undefined) return;
  const { voters, total: totalStake } = await readVotes(client, chain.validators(), signatures, blockNumber);
  const accounts = voters.map(({ address }) => address);
  const hashes = await headKeyHashes(accounts, blockNumber);
  const listed = voters.map(({ address, stake }, i) => {
    const hash = hashes[i];
    return { address, stake, headKeyHash: hash && fromHex(hash.slice(2), 32) };
  });
  const summary = summarizeSettlement(crypto, settlement);
  const certificate = buildHeadCertificate(crypto, { domain, summary, signatures }, { voters: listed, totalStake });
  if (certificate === undefined) return;
  const bytes = encodeHeadCertificate(certificate);
  await group.write((db) => keepHead(db, sequence, bytes));
}
