import { fromHex } from '@ogong/protocol/base/bytes';
import { summarizeSettlement } from '@ogong/protocol/settlement/batch';
import { buildHeadCertificate, encodeHeadCertificate } from '@ogong/protocol/settlement/head-certificate';
import { keepHead, listHeads, type StoredBatch } from '../store/batch-store.ts';
import { readVotes } from './gather-signatures.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';

/**
 * Keeps what a quorum says of the head of a settled batch with hybrid keys, as far as enough of them were sent. Nothing waits for it:
 * the chain has taken the batch already.
 */
export async function certifyHead(
  { crypto, domain, store, group, chain, onError }: SettlementState,
  client: SettlementChain,
  { sequence, settlement }: StoredBatch,
): Promise<void> {
  try {
    const signatures = store.read(() => listHeads(store, sequence));
    const { headKeyHashes, deployment } = client;
    if (signatures.length === 0 || headKeyHashes === undefined || deployment?.beaconKeys === undefined) return;
    const { voters, total: totalStake } = await readVotes(client, chain.validators(), signatures);
    const hashes = await headKeyHashes(voters.map(({ address }) => address));
    const listed = voters.map(({ address, stake }, i) => {
      const hash = hashes[i];
      return { address, stake, headKeyHash: hash && fromHex(hash.slice(2), 32) };
    });
    const summary = summarizeSettlement(crypto, settlement);
    const certificate = buildHeadCertificate(crypto, { domain, summary, signatures }, { voters: listed, totalStake });
    if (certificate === undefined) return;
    const bytes = encodeHeadCertificate(certificate);
    await group.write((db) => keepHead(db, sequence, bytes));
  } catch (error) {
    onError(error);
  }
}
