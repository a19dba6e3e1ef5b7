import { Refusal } from '@ogong/host/link/link-error';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type SignedAnnouncement, verifyAnnouncement } from '@ogong/protocol/exchange/announcement';
import { isEpochNear, MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { type LedgerDomain, parseOrder } from '@ogong/protocol/exchange/order';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import {
  ClaimError,
  type SignedOrder,
  type SignedRecord,
  type Submission,
  verifyReply,
  verifySignedOrder,
  verifySignedRecord,
} from '@ogong/protocol/verdict/claim';
import type { Evidence } from '@ogong/protocol/verdict/evidence';
import { JudgeError, judge } from '@ogong/protocol/verdict/judge';
import { createPayeeWords } from '@ogong/protocol/verdict/payee-words';
import type { BeaconArchive } from './beacon/beacon-archive.ts';
import { MAX_ANNOUNCEMENTS, putAnnouncement } from './store/announcement-store.ts';
import {
  AdmissionError,
  admitReply,
  attachRecord,
  forceAudit,
  type ReplyRow,
  readReply,
  recordReply,
} from './store/reply-store.ts';
import { isPayeeOut } from './store/sequential-store.ts';
import { decideReply, ejectProvider, readProvider, type VerdictContext } from './store/verdict-store.ts';

export interface IntakeOptions {
  readonly ledger: LedgerDomain;
  readonly verdicts: VerdictContext;
  /** Default: MAX_ANNOUNCEMENTS. */
  readonly maxAnnouncements?: number;
}

export interface IntakeDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly archive: BeaconArchive;
  readonly chain: Pick<ChainView, 'channel' | 'isEjected'>;
  /** Beacon of an epoch, asked of a peer where it is not archived. */
  readonly getBeacon: (epoch: bigint) => Promise<OrderBeacon | undefined>;
  readonly onVerdict: (entry: VerdictEntry) => void;
}

export interface Complaint {
  readonly order: SignedOrder;
  readonly reason: string;
  readonly opening: Uint8Array | undefined;
  readonly record: SignedRecord | undefined;
}

export interface ComplaintOutcome {
  readonly outcome: 'upheld' | 'rejected' | 'noted';
  readonly detail: string;
}

export interface Intake {
  /** @returns the current epoch. @throws Refusal */
  admit(order: SignedOrder): Promise<bigint>;
  /** @returns the reply id and the epoch of intake. @throws Refusal */
  pushRecord(submission: Submission): Promise<{ replyId: Uint8Array; epoch: bigint }>;
  /** @throws Refusal */
  complain(complaint: Complaint): Promise<ComplaintOutcome>;
  /** @param caller certificate that it comes under. @throws Refusal */
  announce(signed: SignedAnnouncement, caller: Uint8Array): Promise<void>;
}

/** What the outside brings in: checked, durable, acknowledged, in this order. */
export function createIntake(options: IntakeOptions, dependencies: IntakeDependencies): Intake {
  const { ledger, verdicts, maxAnnouncements: limit = MAX_ANNOUNCEMENTS } = options;
  const { crypto, clock, store, group, archive, chain, getBeacon, onVerdict } = dependencies;
  const checkWord = createPayeeWords(crypto, ledger);
  const find = (replyId: Uint8Array): ReplyRow | undefined => store.read(() => readReply(store, replyId));

  /** A new key is a new provider to all but the evidence of whom it is paid to. */
  const refusePayeeOut = (payee: Uint8Array): void => {
    if (!store.read(() => isPayeeOut(store, payee))) return;
    throw new Refusal('precondition', 'the payee is out: several of its keys were found to cheat');
  };

  async function admit(signed: SignedOrder): Promise<bigint> {
    const order = verifySignedOrder(crypto, ledger, signed);
    const epoch = archive.latest().epoch;
    if (!equalBytes(order.validator, verdicts.validator)) {
      throw new Refusal('invalid', 'the order names another validator');
    }
    const known = find(order.replyId);
    if (known && equalBytes(known.orderBytes, signed.order)) return epoch;
    const leftMs = Number(order.expiresAtMs) - clock.nowMs();
    if (leftMs <= 0) throw new Refusal('precondition', `the order has expired ${-leftMs} ms ago, by the clock here`);
    if (leftMs > MAX_ORDER_LIFETIME_MS) {
      throw new Refusal(
        'invalid',
        `an order lives at most ${MAX_ORDER_LIFETIME_MS} ms; by the clock here this one lives ${leftMs}`,
      );
    }
    if (!isEpochNear(order.epoch, epoch)) {
      throw new Refusal('precondition', `an order of epoch ${order.epoch} in epoch ${epoch}`);
    }
    const isEjectedHere = store.read(() => readProvider(store, order.providerId)).ejected;
    if (isEjectedHere || (await chain.isEjected(order.providerId))) {
      throw new Refusal('precondition', 'the provider was ejected');
    }
    const channel = await chain.channel(order.payer, order.validator).then(
      (cached) =>
        cached.spendable >= order.cumulativeAtomic
          ? cached
          : chain.channel(order.payer, order.validator, { fresh: true }),
      (cause: unknown) => {
        throw new Refusal('unavailable', `the payer's channel cannot be read: ${(cause as Error).message}`);
      },
    );
    await group.write((db) =>
      admitReply(db, { order, orderBytes: signed.order, orderSignature: signed.signature, channel }),
    );
    return epoch;
  }

  async function pushRecord(submission: Submission): Promise<{ replyId: Uint8Array; epoch: bigint }> {
    const order = parseOrder(submission.order.order);
    const row = find(order.replyId);
    if (row === undefined) throw new Refusal('not-found', 'no such reply was admitted here');
    if (!equalBytes(row.orderBytes, submission.order.order)) {
      throw new Refusal('conflict', 'the reply was admitted under another order');
    }
    if (row.signedRecord !== undefined) return acceptAgain(row, submission);
    if (row.state !== 'admitted') throw new Refusal('conflict', `the reply has the verdict ${row.verdict} already`);
    const beacon = await getBeacon(order.epoch);
    if (beacon === undefined) throw new Refusal('unavailable', `the beacon of epoch ${order.epoch} is not known yet`);
    // The order and its signature are those that were checked at admission, whatever came with the record.
    const own = { ...submission, order: { order: row.orderBytes, signature: row.orderSignature } };
    const claim = verifyReply(crypto, { order, beacon, checkWord }, own);
    refusePayeeOut(claim.header.payee);
    const epoch = archive.latest().epoch;
    const recorded = await group.write((db) => {
      const current = readReply(db, order.replyId) as ReplyRow;
      if (current.state === 'admitted' && current.signedRecord === undefined) recordReply(db, claim, own, epoch);
      return readReply(db, order.replyId) as ReplyRow;
    });
    return recorded.signedRecord
      ? acceptAgain(recorded, submission)
      : Promise.reject(new Refusal('conflict', 'too late'));
  }

  /** The same record again is acknowledged again; a second one is what no honest provider signs. */
  async function acceptAgain(row: ReplyRow, { record }: Submission): Promise<{ replyId: Uint8Array; epoch: bigint }> {
    const first = row.signedRecord as SignedRecord;
    if (equalBytes(first.record, record.record)) {
      return { replyId: row.replyId, epoch: row.intakeEpoch ?? archive.latest().epoch };
    }
    await upholdEquivocation(row, record);
    throw new Refusal('conflict', 'another record was signed under this reply id: the provider is ejected');
  }

  async function upholdEquivocation(row: ReplyRow, second: SignedRecord): Promise<void> {
    const evidence = { kind: 'equivocation', record: second.record, signature: second.signature } as const;
    await decideExact(row, row.signedRecord as SignedRecord, evidence);
  }

  /**
   * @param signed the record that the evidence speaks about; kept where only the payer's side brought it.
   * @throws JudgeError, ClaimError where the evidence is none.
   */
  async function decideExact(row: ReplyRow, signed: SignedRecord, evidence: Evidence): Promise<void> {
    const order = parseOrder(row.orderBytes);
    const record = verifySignedRecord(crypto, order, signed);
    const judgement = judge(
      crypto,
      { claim: { order, record }, signed, validator: verdicts.validator, draw: undefined, allowFixedVerifier: false },
      evidence,
    );
    if (judgement.verdict !== 'reject' || judgement.evidence !== 'exact') {
      throw new JudgeError('proves-nothing', 'the opening is consistent with the record');
    }
    const entry = await group.write((db) => {
      attachRecord(db, row.replyId, signed);
      const decision = { judgement, evidence, beaconEpoch: row.beaconEpoch ?? 0n };
      const decided = decideReply(db, verdicts, { replyId: row.replyId, decision, nowMs: clock.nowMs() });
      if (decided) return decided;
      // The reply has its verdict and may be paid; the provider serves no other one through this validator.
      ejectProvider(db, order.providerId);
      return undefined;
    });
    if (entry) onVerdict(entry);
  }

  async function complain(complaint: Complaint): Promise<ComplaintOutcome> {
    const order = verifySignedOrder(crypto, ledger, complaint.order);
    const row = find(order.replyId);
    if (row === undefined || !equalBytes(row.orderBytes, complaint.order.order)) {
      return { outcome: 'rejected', detail: 'no such reply was admitted here' };
    }
    const { record, opening } = complaint;
    if (record !== undefined) {
      verifySignedRecord(crypto, order, record, { replyOnly: true });
      if (row.signedRecord !== undefined && !equalBytes(row.signedRecord.record, record.record)) {
        await upholdEquivocation(row, record);
        return { outcome: 'upheld', detail: 'the provider signed two records under one reply id' };
      }
    }
    if (opening !== undefined && (record ?? row.signedRecord) !== undefined) {
      return upholdOpening(row, (record ?? row.signedRecord) as SignedRecord, opening);
    }
    await group.write((db) => forceAudit(db, order.replyId));
    return { outcome: 'noted', detail: 'a record that arrives will be audited' };
  }

  async function upholdOpening(row: ReplyRow, signed: SignedRecord, opening: Uint8Array): Promise<ComplaintOutcome> {
    try {
      await decideExact(row, signed, { kind: 'audit', opening, candidates: [], attempts: [] });
      return { outcome: 'upheld', detail: 'the opening contradicts the signed record' };
    } catch (error) {
      if (!(error instanceof JudgeError)) throw error;
      await group.write((db) => forceAudit(db, row.replyId));
      return { outcome: 'noted', detail: `${error.message}; the reply will be audited` };
    }
  }

  async function announce(signed: SignedAnnouncement, caller: Uint8Array): Promise<void> {
    const nowMs = clock.nowMs();
    const verdict = verifyAnnouncement(crypto, signed, { ledger, nowMs });
    const { announcement } = verdict;
    if (!verdict.ok || announcement === undefined) {
      const why = verdict.checks.find(({ status }) => status === 'fail')?.detail ?? 'no check passed';
      throw new Refusal('invalid', `the announcement does not hold: ${why}`);
    }
    if (!equalBytes(announcement.certHash, caller)) {
      throw new Refusal('invalid', 'an announcement comes over the link whose certificate it names');
    }
    if (store.read(() => readProvider(store, announcement.providerId)).ejected) {
      throw new Refusal('precondition', 'the provider was ejected');
    }
    refusePayeeOut(announcement.payee);
    const problem = await group.write((db) => putAnnouncement(db, announcement, signed.announcement, { nowMs, limit }));
    if (problem === 'known') throw new Refusal('conflict', 'a newer one is known');
    if (problem === 'shared-certificate') {
      throw new Refusal(
        'conflict',
        'another provider is announced under this certificate until its announcement expires; give each one its own',
      );
    }
    if (problem === 'full') {
      throw new Refusal(
        'unavailable',
        `this validator holds ${limit} announcements already; go on announcing until others expire, and take orders ` +
          'of other validators meanwhile',
      );
    }
  }

  return {
    admit: (order) => refusing(() => admit(order)),
    pushRecord: (submission) => refusing(() => pushRecord(submission)),
    complain: (complaint) => refusing(() => complain(complaint)),
    announce,
  };
}

/** What the peer did wrong, in words that it may read. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ClaimError || error instanceof ProtocolError || error instanceof JudgeError) {
      throw new Refusal('invalid', `${error.code}: ${error.message}`);
    }
    if (error instanceof AdmissionError) {
      throw new Refusal(error.code === 'conflict' ? 'conflict' : 'precondition', `${error.code}: ${error.message}`);
    }
    throw error;
  }
}
