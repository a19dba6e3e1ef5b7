import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Anchor, ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { type QuorumMember, verifyQuorum } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  buildSettlement,
  createVoucher,
  hashSettlement,
  type Settlement,
  sumDebts,
} from '@ogong/protocol/settlement/batch';
import { computeEntryHash, parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import {
  type Booking,
  type EntryMessage,
  listEntries,
  listSignatures,
  measureEntry,
  proposeBatch,
  putSignature,
  readBatchedLength,
  readEntryMessage,
  readProposed,
  replaceProposed,
  type StoredBatch,
  settleBatch,
} from '../store/batch-store.ts';
import { readVoucher } from '../store/channel-store.ts';
import { findUncollectable } from './collect.ts';
import type { SettledBatch } from './ledger-history.ts';

export interface SettlementOptions {
  /** Domain of the settlement contract. */
  readonly domain: LedgerDomain;
  readonly maxEntries: number;
  /** Entries with their evidence, so that a batch fits one message. */
  readonly maxBatchBytes: number;
  readonly minSignatures: number;
}

export interface SettlementDependencies {
  readonly crypto: Crypto;
  readonly signer: LedgerSigner;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly chain: {
    client(): Promise<SettlementChain>;
    validators(): readonly QuorumMember[];
  };
  readonly cosign: (
    peer: QuorumMember,
    request: CosignRequest,
  ) => Promise<{ signer: Uint8Array; signature: Uint8Array }>;
  /** Finds the transaction that settled a batch, if this validator did not see it; undefined if it cannot be found. */
  readonly findSettled: (validator: Uint8Array, sequence: bigint) => Promise<SettledBatch | undefined>;
  /** @param unpaidReplies how many replies of the batch were not paid for. */
  readonly onSettled: (sequence: bigint, transactionHash: string, unpaidReplies: number) => void;
  readonly onReplaced?: (sequence: bigint, uncollectable: readonly Uint8Array[]) => void;
  readonly onError?: (error: unknown) => void;
}

type SettlementChain = Pick<ChainClient, 'anchorOf' | 'settle' | 'channelOf'>;

export type CosignRequest = MessageInitShape<typeof CosignBatchRequestSchema>;

export type SettlementErrorCode = 'anchor-mismatch' | 'no-quorum';

export class SettlementError extends Error {
  override readonly name = 'SettlementError';
  readonly code: SettlementErrorCode;
  readonly retryable: boolean;
  constructor(code: SettlementErrorCode, message: string) {
    super(message);
    this.code = code;
    this.retryable = code === 'no-quorum';
  }
}

/**
 * One step towards settling decided replies: propose, gather signatures, submit, book. Each part is durable before the next
 * begins, and each can be repeated: the chain takes a sequence once, and the log of a proposed batch never changes. Only its
 * debits may change: payers whose channel no longer covers what they owe are left out, so that they do not block the others.
 * @returns true where a batch was settled or replaced, so that there is more to do.
 * @throws ChainError, SettlementError; nothing is lost: the next step continues from the same place.
 */
export function createSettlement(options: SettlementOptions, dependencies: SettlementDependencies) {
  const { domain, maxEntries, maxBatchBytes, minSignatures } = options;
  const {
    crypto,
    signer,
    clock,
    store,
    group,
    chain,
    cosign,
    findSettled,
    onSettled,
    onReplaced = () => {},
    onError = () => {},
  } = dependencies;

  async function step(): Promise<boolean> {
    if (!hasWork()) return false;
    const client = await chain.client();
    const anchor = await client.anchorOf(signer.address);
    const proposed = store.read(() => readProposed(store));
    if (proposed && anchor.sequence >= proposed.sequence) {
      await bookFound(proposed);
      return true;
    }
    const batch = proposed ?? (await propose(client, anchor));
    if (batch === undefined) return false;
    const digest = hashSettlement(crypto, domain, batch.settlement);
    const { batch: header, debits, lines, ejections, uncollectable } = batch.settlement;
    try {
      const quorum = await gather(batch, digest);
      const receipt = await client.settle({ batch: header, debits, lines, ejections, quorum });
      await book(batch, { transactionHash: receipt.transactionHash, uncollectable });
    } catch (error) {
      // Somebody else has submitted it, and the next step books it. Otherwise the chain was reset, or is another one.
      const isTaken = error instanceof ChainError && error.revert?.name === 'WrongSequence';
      if (isTaken && (await client.anchorOf(signer.address)).sequence >= batch.sequence) return true;
      if (isAboutChannels(error, batch) && (await replace(client, batch))) return true;
      throw error;
    }
    return true;
  }

  function hasWork(): boolean {
    return store.read(
      () => readProposed(store) !== undefined || listEntries(store, readBatchedLength(store), 1).length > 0,
    );
  }

  async function book(
    batch: StoredBatch,
    { transactionHash, uncollectable }: Pick<Booking, 'transactionHash' | 'uncollectable'>,
  ): Promise<void> {
    const nowMs = clock.nowMs();
    const unpaid = await group.write((db) => settleBatch(db, batch, { transactionHash, nowMs, uncollectable }));
    if (unpaid !== undefined) onSettled(batch.sequence, transactionHash, unpaid);
  }

  /** Somebody may have submitted the batch that this one replaced. What the chain has debited counts. */
  async function bookFound(batch: StoredBatch): Promise<void> {
    const found = await findSettled(signer.address, batch.sequence);
    const drawn = new Set(found?.payers.map(toHex));
    const owing = sumDebts(readEntries(batch).map(parseVerdictEntry)).map(({ payer }) => payer);
    const uncollectable = found ? owing.filter((payer) => !drawn.has(toHex(payer))) : batch.settlement.uncollectable;
    await book(batch, { transactionHash: found?.transactionHash ?? '', uncollectable });
  }

  /** @returns false if the channels on the chain still match the batch. */
  async function replace(client: SettlementChain, batch: StoredBatch): Promise<boolean> {
    const settlement = await build(client, batch.sequence, batch.to, readEntries(batch));
    const { uncollectable } = settlement;
    const isSame = uncollectable.map(toHex).join() === batch.settlement.uncollectable.map(toHex).join();
    if (isSame) return false;
    await group.write((db) => replaceProposed(db, settlement));
    onReplaced(batch.sequence, uncollectable);
    return true;
  }

  function readEntries({ from, to }: StoredBatch): Uint8Array[] {
    return store.read(() => listEntries(store, from, Number(to - from))).map(({ entry }) => entry);
  }

  async function propose(client: SettlementChain, anchor: Anchor): Promise<StoredBatch | undefined> {
    const from = store.read(() => readBatchedLength(store));
    if (anchor.logLength !== from) {
      throw new SettlementError(
        'anchor-mismatch',
        `the chain has settled ${anchor.logLength} entries of this log, the database ${from}: it is not this validator's`,
      );
    }
    const entries = takeEntries(from);
    const [first] = entries;
    if (first === undefined) return undefined;
    assertFollows(first, anchor);
    const settlement = await build(client, anchor.sequence + 1n, from + BigInt(entries.length), entries);
    await group.write((db) => proposeBatch(db, settlement, from));
    return store.read(() => readProposed(store));
  }

  async function build(
    client: SettlementChain,
    sequence: bigint,
    length: bigint,
    entries: readonly Uint8Array[],
  ): Promise<Settlement> {
    const debts = sumDebts(entries.map(parseVerdictEntry));
    const vouchers = store.read(() =>
      debts.flatMap(({ payer }) => {
        const voucher = readVoucher(store, payer);
        return voucher ? [createVoucher(crypto, voucher.order, voucher.signature)] : [];
      }),
    );
    return buildSettlement(crypto, {
      validator: signer.address,
      sequence,
      position: { length, head: computeEntryHash(crypto, entries.at(-1) as Uint8Array) },
      entries,
      vouchers,
      uncollectable: await findUncollectable((payer) => client.channelOf(payer, signer.address), debts),
    });
  }

  function assertFollows(entry: Uint8Array, anchor: Anchor): void {
    if (anchor.sequence === 0n || equalBytes(parseVerdictEntry(entry).previousHash, fromHex(anchor.logHead.slice(2))))
      return;
    throw new SettlementError('anchor-mismatch', 'the log does not follow the head that the chain has settled');
  }

  /** As many entries as fit one message; at least one. */
  function takeEntries(from: bigint): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let size = 0;
    for (const row of store.read(() => listEntries(store, from, maxEntries))) {
      size += store.read(() => measureEntry(readEntryMessage(store, row)));
      if (taken.length > 0 && size > maxBatchBytes) break;
      taken.push(row.entry);
    }
    return taken;
  }

  /**
   * Collects and stores the own signature and those of peers, until they are a quorum.
   * @returns them in the contract's order.
   */
  async function gather(batch: StoredBatch, digest: Uint8Array): Promise<Uint8Array[]> {
    const validators = chain.validators();
    const { sequence, from, to } = batch;
    const own = { signer: signer.address, signature: signer.signDigest(digest) };
    await group.write((db) => putSignature(db, batch, own));
    const known = store.read(() => listSignatures(store, sequence));
    const missing = validators.filter(({ address }) => !known.some((one) => equalBytes(one.signer, address)));
    const entries: EntryMessage[] = store.read(() =>
      listEntries(store, from, Number(to - from)).map((row) => readEntryMessage(store, row)),
    );
    const request = { batch: batch.bytes, entries, logFrom: from };
    const isDone = () => {
      const signatures = store.read(() => listSignatures(store, sequence));
      const quorum = verifyQuorum(crypto, { digest, signatures, validators });
      return { ...quorum, ok: quorum.ok && quorum.signatures.length >= minSignatures };
    };
    // A silent peer delays nobody: the step continues with a quorum. Other signatures may still arrive.
    if (!isDone().ok) {
      await new Promise<void>((resolve) => {
        const asked = missing.map(async (peer) => {
          await ask(peer, request, batch, digest);
          if (isDone().ok) resolve();
        });
        void Promise.all(asked).then(() => resolve(), onError);
      });
    }
    const quorum = isDone();
    if (!quorum.ok) {
      throw new SettlementError(
        'no-quorum',
        `batch ${sequence}: ${quorum.signatures.length} signed with a stake of ${quorum.signedStake} of ${quorum.totalStake}; ` +
          `more than two thirds of the stake and ${minSignatures} signatures are needed`,
      );
    }
    return quorum.signatures.map(({ signature }) => signature);
  }

  async function ask(
    peer: QuorumMember,
    request: CosignRequest,
    batch: StoredBatch,
    digest: Uint8Array,
  ): Promise<void> {
    try {
      const { signature } = await cosign(peer, request);
      const recovered = crypto.recoverAddress(digest, signature);
      if (recovered === undefined || !equalBytes(recovered, peer.address))
        throw new Error('not a signature of the peer');
      await group.write((db) => putSignature(db, batch, { signer: peer.address, signature }));
    } catch (error) {
      onError(error);
    }
  }

  return { step };
}

/**
 * Whether the batch was refused because of a payer's channel, or by co-signers because a payer that is left out can be debited
 * now.
 */
function isAboutChannels(error: unknown, { settlement }: StoredBatch): boolean {
  if (error instanceof SettlementError) return error.code === 'no-quorum' && settlement.uncollectable.length > 0;
  const refusal = error instanceof ChainError ? error.revert?.name : undefined;
  return refusal === 'AllowanceExceeded' || refusal === 'VoucherExceeded';
}
