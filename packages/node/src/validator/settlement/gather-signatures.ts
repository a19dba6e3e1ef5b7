import { equalBytes } from '@ogong/protocol/base/bytes';
import { type QuorumMember, type QuorumVerdict, verifyQuorum } from '@ogong/protocol/crypto/quorum';
import {
  type EntryMessage,
  listEntries,
  listSignatures,
  putSignature,
  readEntryMessage,
  type StoredBatch,
} from '../store/batch-store.ts';
import type { EntryFault } from './cosign-error.ts';
import { SettlementError } from './settlement-error.ts';
import type { CosignRequest, SettlementState } from './settlement-state.ts';

/**
 * Collects and stores the own signature and those of peers, until they are a quorum.
 * @returns them in the contract's order.
 */
export async function gatherSignatures(
  state: SettlementState,
  batch: StoredBatch,
  digest: Uint8Array,
): Promise<Uint8Array[]> {
  const { signer, store, group, chain, minSignatures, onError } = state;
  const { sequence, from, to } = batch;
  const validators = chain.validators();
  const own = { signer: signer.address, signature: signer.signDigest(digest) };
  await group.write((db) => putSignature(db, batch, own));
  const known = store.read(() => listSignatures(store, sequence));
  const missing = validators.filter(({ address }) => !known.some((one) => equalBytes(one.signer, address)));
  const entries: EntryMessage[] = store.read(() =>
    listEntries(store, from, Number(to - from)).map((row) => readEntryMessage(store, row)),
  );
  const request = { batch: batch.bytes, entries, logFrom: from };
  const count = () => countSignatures(state, validators, sequence, digest);
  const refusals = createRefusals(batch, validators);
  // A silent peer delays nobody: the step continues with a quorum. Other signatures may still arrive.
  if (!count().ok) {
    await new Promise<void>((resolve) => {
      const asked = missing.map(async (peer) => {
        refusals.add(peer, await askPeer(state, peer, { request, batch, digest }));
        if (count().ok || refusals.listBlocked().length > 0) resolve();
      });
      void Promise.all(asked).then(() => resolve(), onError);
    });
  }
  const quorum = count();
  const blocked = refusals.listBlocked();
  if (!quorum.ok && blocked.length > 0) {
    throw new SettlementError('entries-refused', `batch ${sequence}: ${refusals.describe(blocked)}`, blocked);
  }
  if (!quorum.ok) {
    throw new SettlementError(
      'no-quorum',
      `batch ${sequence}: ${quorum.signatures.length} signed with a stake of ${quorum.signedStake} of ${quorum.totalStake}; ` +
        `more than two thirds of the stake and ${minSignatures} signatures are needed`,
    );
  }
  return quorum.signatures.map(({ signature }) => signature);
}

/** Counts the signatures that are stored. */
export function countSignatures(
  { crypto, store, minSignatures }: Pick<SettlementState, 'crypto' | 'store' | 'minSignatures'>,
  validators: readonly QuorumMember[],
  sequence: bigint,
  digest: Uint8Array,
): QuorumVerdict {
  const signatures = store.read(() => listSignatures(store, sequence));
  const quorum = verifyQuorum(crypto, { digest, signatures, validators });
  return { ...quorum, ok: quorum.ok && quorum.signatures.length >= minSignatures };
}

interface Refusals {
  add(peer: QuorumMember, faults: readonly EntryFault[]): void;
  /** Entries that so much stake refuses that the rest is no quorum: a third. Less than that cannot block an honest entry. */
  listBlocked(): bigint[];
  describe(entries: readonly bigint[]): string;
}

export function createRefusals(
  { from, to }: Pick<StoredBatch, 'from' | 'to'>,
  validators: readonly Pick<QuorumMember, 'stake'>[],
): Refusals {
  const total = validators.reduce((sum, { stake }) => sum + stake, 0n);
  const found = new Map<bigint, { stake: bigint; reason: string }>();
  return {
    add({ stake }, faults) {
      const named = new Map(faults.map(({ index, reason }) => [index, reason]));
      for (const [index, reason] of named) {
        if (index < from || index >= to) continue;
        found.set(index, { stake: (found.get(index)?.stake ?? 0n) + stake, reason });
      }
    },
    listBlocked: () => [...found].filter(([, { stake }]) => 3n * stake >= total).map(([index]) => index),
    describe: (entries) => entries.map((index) => found.get(index)?.reason).join('; '),
  };
}

/**
 * Asks one peer, and stores its signature if it is genuine. Reports anything else; never throws.
 * @returns the entries that the peer refuses.
 */
export async function askPeer(
  { crypto, group, cosign, onError }: Pick<SettlementState, 'crypto' | 'group' | 'cosign' | 'onError'>,
  peer: QuorumMember,
  {
    request,
    batch,
    digest,
  }: { readonly request: CosignRequest; readonly batch: StoredBatch; readonly digest: Uint8Array },
): Promise<readonly EntryFault[]> {
  try {
    const { signature, refused } = await cosign(peer, request);
    if (refused.length > 0) return refused;
    const recovered = crypto.recoverAddress(digest, signature);
    if (recovered === undefined || !equalBytes(recovered, peer.address)) throw new Error('not a signature of the peer');
    await group.write((db) => putSignature(db, batch, { signer: peer.address, signature }));
  } catch (error) {
    onError(error);
  }
  return [];
}
