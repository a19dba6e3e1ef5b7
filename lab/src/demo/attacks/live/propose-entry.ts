import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromHex } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { computeAbandonmentFine } from '@ogong/protocol/exchange/fee';
import {
  CosignBatchRequestSchema,
  type PushRecordRequest,
  SummarizedReplySchema,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { buildSettlement, createVoucher, encodeSettlement, type Settlement } from '@ogong/protocol/settlement/batch';
import {
  appendVerdict,
  computeGenesisPosition,
  isBillable,
  type VerdictFields,
} from '@ogong/protocol/settlement/verdict-log';
import { type Evidence, encodeEvidence } from '@ogong/protocol/verdict/evidence';
import { toSummaryMessage } from '@ogong/testing/validator/test-reply';
import { readSubmission } from '@ogong/validator/wire-messages';
import type { LiveOrder } from './consumer.ts';
import type { LiveNetwork, OwnedDaemon } from './live-network.ts';

export interface FalseEntry {
  readonly bought: LiveOrder;
  /** As its provider handed it in; undefined where the validator denies that it did. */
  readonly push: PushRecordRequest | undefined;
  readonly says: Pick<VerdictFields, 'verdict'> & Partial<VerdictFields>;
  readonly evidence: Evidence | undefined;
}

export interface VotingProposal {
  readonly settlement: Settlement;
  /** One text of each honest validator: `signed`, or what it refuses. */
  readonly answers: readonly string[];
  readonly isSigned: boolean;
}

/** Asks every honest validator to co-sign one entry, which the adversary's validator puts behind all that is settled of its log. */
export async function proposeEntry(
  network: LiveNetwork,
  owned: OwnedDaemon,
  { bought: { order, signed }, push, says, evidence }: FalseEntry,
): Promise<VotingProposal> {
  const { chain, ledger, honestValidators, peer } = network;
  const anchor = await chain.anchorOf(owned.account);
  const contract = fromHex(chain.deployment.settlement.slice(2));
  const start =
    anchor.sequence === 0n
      ? computeGenesisPosition(crypto, { chainId: ledger.chainId, settlement: contract, validator: owned.account })
      : { length: anchor.logLength, head: fromHex(anchor.logHead.slice(2)) };
  const evidenceBytes = evidence && encodeEvidence(evidence);
  const submission = push && readSubmission(push);
  const appended = appendVerdict(crypto, start, {
    ...{ replyId: order.replyId, providerId: order.providerId, payee: order.payee, payer: order.payer },
    ...{ router: order.router, evidence: 'none', feeAtomic: 0n, verifiers: [], beaconEpoch: 0n },
    fineAtomic: says.verdict === 'abandoned' ? computeAbandonmentFine(order) : 0n,
    recordHash: push?.record ? hashRecord(crypto, push.record.record) : new Uint8Array(32),
    evidenceHash: evidenceBytes ? crypto.sha256(evidenceBytes) : new Uint8Array(32),
    ...{ step: 'none', eValuePpm: 0, ejects: false, timeMs: Date.now() },
    ...says,
  });
  const { bytes, position } = appended;
  const settlement = buildSettlement(crypto, {
    ...{ validator: owned.account, sequence: anchor.sequence + 1n, position, entries: [appended] },
    vouchers: isBillable(says.verdict) ? [createVoucher(crypto, order, signed.signature)] : [],
  });
  const record = submission
    ? toSummaryMessage(submission)
    : create(SummarizedReplySchema, { order: { order: signed.order, signature: signed.signature } });
  const request = create(CosignBatchRequestSchema, {
    batch: encodeSettlement(settlement),
    entries: [{ logEntry: bytes, record, evidence: evidenceBytes ?? new Uint8Array(0) }],
    logFrom: start.length,
  });
  const answers = await Promise.all(
    honestValidators().map((name) =>
      owned.links
        .to(ValidatorService, peer(name))
        .cosignBatch(request, { timeoutMs: 20_000 })
        .then(
          ({ refused }) => refused[0]?.reason ?? 'signed',
          (error: Error) => error.message,
        ),
    ),
  );
  return { settlement, answers, isSigned: answers.includes('signed') };
}
