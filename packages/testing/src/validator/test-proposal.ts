import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { type CosignBatchRequest, CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { buildSettlement, createVoucher, encodeSettlement, type Settlement } from '@ogong/protocol/settlement/batch';
import {
  computeEntryHash,
  computeGenesisPosition,
  encodeVerdictEntry,
  parseVerdictEntry,
  type VerdictEntry,
} from '@ogong/protocol/settlement/verdict-log';
import type { CosignRequest } from '@ogong/validator/settlement/settlement-state';
import { type BenchOptions, ledger, network, otherProvider, type TestValidator } from './test-bench.ts';
import { createFour } from './test-four.ts';
import { WORD_UNTIL_MS } from './test-keys.ts';
import { payeeSigner, type ServeInput } from './test-reply.ts';

export type Message = CosignBatchRequest;

type Four = Awaited<ReturnType<typeof createFour>>;

export const cheat: Partial<ServeInput> = {
  bend: { row: (row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row) },
};

/** An accepted and an abandoned reply of one provider, and a rejected one of another. */
export async function decideThree({ own, certifyAll }: Four) {
  const unserved = own.order(2);
  await own.intake.admit(unserved);
  const good = await own.deliver(0);
  const bad = await own.deliver(1, { ...cheat, provider: otherProvider });
  await certifyAll();
  await own.runAudits();
  await own.runAbandonments();
  return { good, bad, unserved };
}

/** The batch that a validator proposes while all its co-signers are offline. */
export async function proposeUnheard({ own, offline }: Pick<Four, 'own' | 'offline'>): Promise<Message> {
  offline.add(1).add(2).add(3);
  await own.settlement.step().catch(() => undefined);
  offline.clear();
  return create(CosignBatchRequestSchema, structuredClone(own.requests[0] as CosignRequest));
}

/** A batch of three entries as its co-signers receive it, and ways to change it. */
export async function propose(options: BenchOptions = {}) {
  const four = await createFour(options);
  await decideThree(four);
  const request = await proposeUnheard(four);
  const [peer, other] = four.peers as [TestValidator, TestValidator];
  /** A self-consistent batch with changed entries and messages. */
  const bent = async (
    bendEntry: (entry: VerdictEntry) => VerdictEntry,
    bendMessage: (message: Message) => void = () => {},
    bendSettlement: (settlement: Settlement) => Settlement = (same) => same,
  ): Promise<Message> => {
    const rebuilt = await rebuild(four.own, structuredClone(request), bendEntry, bendSettlement);
    bendMessage(rebuilt);
    return rebuilt;
  };
  return { ...four, peer, other, request, bent };
}

/** Recomputes log, batch and roots for the changed entries. */
export async function rebuild(
  own: TestValidator,
  message: Message,
  bendEntry: (entry: VerdictEntry) => VerdictEntry,
  bendSettlement: (settlement: Settlement) => Settlement,
): Promise<Message> {
  let { head } = computeGenesisPosition(crypto, { ...network, validator: own.signer.address });
  for (const item of message.entries) {
    item.logEntry = encodeVerdictEntry({ ...bendEntry(parseVerdictEntry(item.logEntry)), previousHash: head });
    head = computeEntryHash(crypto, item.logEntry);
  }
  // Another verdict may add a payer that owed nothing in the first batch.
  const vouchers = message.entries.flatMap(({ record }) =>
    record?.order ? [createVoucher(crypto, parseOrder(record.order.order), record.order.signature)] : [],
  );
  const entries = message.entries.map(({ logEntry: bytes }) => ({ bytes, entry: parseVerdictEntry(bytes) }));
  const settlement = buildSettlement(crypto, {
    validator: own.signer.address,
    sequence: 1n,
    position: { length: BigInt(entries.length), head },
    entries,
    vouchers,
  });
  message.batch = encodeSettlement(bendSettlement(settlement));
  return message;
}

/** Changes the entries with one verdict. */
export const on =
  (verdict: string, change: Partial<VerdictEntry>) =>
  (entry: VerdictEntry): VerdictEntry =>
    entry.verdict === verdict ? { ...entry, ...change } : entry;

/** Changes the messages beside the entries of one verdict. */
export const inVerdict =
  (verdict: string, change: (entry: Message['entries'][number]) => void) => (message: Message) => {
    for (const entry of message.entries) if (parseVerdictEntry(entry.logEntry).verdict === verdict) change(entry);
  };
/** Changes the submission of the accepted reply. */
export const inAccept = (change: (entry: Message['entries'][number]) => void) => inVerdict('accept', change);
export const flip = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

export const signWord = (providerId: Uint8Array): Uint8Array =>
  signProviderPayee(crypto, payeeSigner, { validUntilMs: WORD_UNTIL_MS, ledger, providerId });
