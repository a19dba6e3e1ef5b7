import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { bytesToHex } from '@ogong/chain/hex';
import { answerEvidence } from '@ogong/host/link/answer-evidence';
import type { Caller } from '@ogong/host/link/link-door';
import { RateLimited, Refusal, type RefusalCode } from '@ogong/host/link/link-error';
import { getCaller, getCallerPlace, type LinkServer, type MethodName } from '@ogong/host/link/link-server';
import type { ReplySteps } from '@ogong/host/metrics/reply-steps';
import type { Store } from '@ogong/host/store/store';
import type { ChainView } from '@ogong/host/views/chain-view';
import { DRAW_KINDS } from '@ogong/protocol/audit/secret-draw';
import { createWriter, ProtocolError } from '@ogong/protocol/base/bytes';
import { MAX_KEY_MESSAGE_BYTES } from '@ogong/protocol/beacon/threshold/key-message';
import { MAX_OPENING_BYTES } from '@ogong/protocol/commitment/opening';
import { hashRecord } from '@ogong/protocol/commitment/record';
import {
  MAX_ASKED_REPLIES,
  MAX_JOB_BYTES,
  MAX_REQUEST_BYTES,
  MAX_RESPONSE_BYTES,
  MAX_SEALED_PART_BYTES,
  MAX_TOLD_REPLIES,
} from '@ogong/protocol/exchange/limits';
import { parseOrder } from '@ogong/protocol/exchange/order';
import {
  type AcknowledgeRequest,
  type CosignBatchRequest,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { MAX_BATCH_ENTRIES } from '@ogong/protocol/settlement/gas';
import { MACHINE_PROOF_LIMIT } from '@ogong/protocol/settlement/machine-ejection';
import { isBillable, parseVerdictEntry, type Verdict } from '@ogong/protocol/settlement/verdict-log';
import { MAX_MACHINE_EVIDENCE_BYTES } from '@ogong/protocol/tier/attestation';
import type { SignedRecord } from '@ogong/protocol/verdict/claim';
import { isBare } from '@ogong/protocol/verdict/claim';
import type { BeaconArchive } from './beacon/beacon-archive.ts';
import { createTestReporter } from './canary/report-tests.ts';
import { listLacking } from './hand-announcements.ts';
import { type Intake, refusing } from './intake.ts';
import { certifyMachine } from './machines/certify-machine.ts';
import { answerEjection } from './machines/eject-machine.ts';
import type { MachinesState } from './machines/machine-state.ts';
import type { ValidatorMetrics } from './metrics.ts';
import type { OpeningGrants } from './opening-grants.ts';
import { type PricingState, signOwnQuote } from './prices/price-state.ts';
import { answerPeer, type CosignAnswer, cosignBatch } from './settlement/cosign.ts';
import { CosignError, type CosignErrorCode } from './settlement/cosign-error.ts';
import { listHeard } from './settlement/cosign-heard.ts';
import type { CosignState } from './settlement/cosign-state.ts';
import { createPeerTurns } from './settlement/peer-turns.ts';
import { type AllottingState, answerAllotment } from './settlement/step-allotment.ts';
import type { TallyBook } from './settlement/tally-book.ts';
import { unpackBatch } from './settlement/unpack-batch.ts';
import { listEntries, readHead, readSettledHead } from './store/batch-store.ts';
import { describeDivergence, readDivergence } from './store/divergence-store.ts';
import { findProof } from './store/machine-proof-store.ts';
import { findMachineEvidence } from './store/machine-store.ts';
import { findApproval } from './store/reinstatement-store.ts';
import { type ReplyStatusRow, readReplyStatus } from './store/reply-store.ts';
import { createSettledEntries } from './store/settled-entries.ts';
import { readPosition, type VerdictContext } from './store/verdict-store.ts';
import { wantEpoch } from './want-epoch.ts';
import type { WiredBeacon } from './wire-beacon.ts';
import {
  readClaimedPart,
  readDelivered,
  readOrder,
  readSubmission,
  readWitnessAsk,
  writeDelivered,
  writeHeardAnswer,
  writeWitnessAnswer,
} from './wire-messages.ts';
import { answerWitness, type WitnessState } from './witness/answer-witness.ts';

export interface RouteDependencies {
  readonly intake: Intake;
  /** It admits no orders. */
  readonly isDraining?: boolean;
  readonly archive: BeaconArchive;
  readonly wanted: Set<bigint>;
  readonly beacon: Pick<WiredBeacon, 'receive'>;
  readonly cosigning: CosignState;
  readonly store: Store;
  readonly verdicts: VerdictContext;
  readonly chain: Pick<ChainView, 'findByCertHash' | 'recallByCertHash'>;
  readonly grants: OpeningGrants;
  /** Whether a caller may still tell of so many replies by one call, see LinkServer. Default: it may. */
  readonly charge?: LinkServer['charge'];
  readonly witness: WitnessState;
  /** Undefined where the network has no emission. */
  readonly allotting?: AllottingState | undefined;
  readonly tallyBook?: TallyBook | undefined;
  /** Undefined where this validator is no price feed. */
  readonly pricing?: PricingState | undefined;
  /** What this validator's own machine shows for a nonce; undefined where it shows nothing. */
  readonly show?: ((nonce: Uint8Array) => Promise<{ nodeId: Uint8Array; evidence: Uint8Array }>) | undefined;
  /** Undefined where the network has no registry of machines. */
  readonly machines?: MachinesState | undefined;
  readonly metrics: Pick<
    ValidatorMetrics,
    'steps' | 'witnessed' | 'admitted' | 'records' | 'deliveries' | 'complaints' | 'cosigned' | 'uncompared'
  >;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** The longest opening, and the reports of four verifiers about it. */
export const MAX_EVIDENCE_BYTES = 256 * MIB;
const MAX_PROOF_BYTES = MAX_OPENING_BYTES + KIB;
/** Entries that one answer lists, for a validator and for anybody else: each entry is a row to read, and its bytes to send. */
const MAX_LISTED_VERDICTS = { validator: 1_000, anybody: 250 } as const;
/** What a payer says of one reply, bytes: two signatures and a key of ML-DSA, a header and hashes. */
const MAX_DELIVERY = 32 * KIB;
/** Of the details in one answer about many replies, bytes. */
const STATUSES_ROOM = MIB;
const MAX_U64 = (1n << 64n) - 1n;

/** For validators, and for those that left a little while ago: the beacon needs them for two more epochs. */
export const BEACON_METHOD: MethodName = 'ogong.v1.ValidatorService/DeliverBeacon';

/** Other methods between validators. */
export const PEER_METHODS: ReadonlySet<MethodName> = new Set([
  'ogong.v1.ValidatorService/CosignBatch',
  'ogong.v1.ValidatorService/GetReinstatement',
  'ogong.v1.ValidatorService/SignAllotment',
  'ogong.v1.ValidatorService/SignPrice',
  'ogong.v1.ValidatorService/Witness',
  'ogong.v1.ValidatorService/ListHeard',
  'ogong.v1.ValidatorService/HandAnnouncements',
]);

/** Each reply of a list counts as one call of it. */
export const DELIVERY_METHOD: MethodName = 'ogong.v1.ValidatorService/Acknowledge';

/** For those alone who were asked for an opening. */
export const PROOF_METHOD: MethodName = 'ogong.v1.ValidatorService/ProveComplaint';

const COSIGN_REFUSALS: Readonly<Record<CosignErrorCode, RefusalCode>> = {
  refuted: 'invalid',
  conflict: 'conflict',
  'not-next': 'precondition',
  unavailable: 'unavailable',
};

/** Certificates of epochs, by which gateways also see whether this validator takes orders. */
function routeBeacons(router: ConnectRouter, dependencies: RouteDependencies): void {
  const { isDraining: draining = false } = dependencies;
  router.rpc(
    ValidatorService.method.getBeacon,
    ({ epoch }) => ({ certificate: readCertificate(dependencies, epoch), draining }),
    { readMaxBytes: KIB },
  );
}

/** What payers say that they were given. */
function routeDeliveries(router: ConnectRouter, { intake, charge, metrics }: RouteDependencies): void {
  const { method } = ValidatorService;

  async function answer(request: AcknowledgeRequest, caller: Caller) {
    const { outcome, intake: word, held } = await intake.acknowledge(readDelivered(request), caller);
    metrics.deliveries.inc({ outcome });
    return { outcome, ...(word && { intake: word }), held: held ?? new Uint8Array(0) };
  }

  router.rpc(method.acknowledge, (request, context) => answer(request, getCallerPlace(context)), {
    readMaxBytes: MAX_DELIVERY,
  });
  router.rpc(
    method.acknowledgeAll,
    async ({ told }, context) => {
      if (told.length > MAX_TOLD_REPLIES) throw new Refusal('invalid', `${told.length} replies at once`);
      const caller = getCallerPlace(context);
      if (charge?.(caller, DELIVERY_METHOD, told.length) === false)
        throw new RateLimited('too many of these calls, slow down');
      // All are stored together. The caller tells them singly where one is refused.
      const answers = await Promise.allSettled(told.map((one) => answer(one, caller)));
      return {
        answers: answers.map((one) => {
          if (one.status === 'rejected') throw one.reason;
          return one.value;
        }),
      };
    },
    { readMaxBytes: MAX_TOLD_REPLIES * MAX_DELIVERY },
  );
}

/** What became of replies, for whoever knows their ids. */
function routeReplies(router: ConnectRouter, { store, verdicts }: RouteDependencies): void {
  const { method } = ValidatorService;
  router.rpc(
    method.getReply,
    ({ replyId }) => {
      const status = store.read(() => readStatus(store, verdicts, replyId));
      if (status === undefined) throw new Refusal('not-found', 'no such reply was admitted here');
      return status;
    },
    { readMaxBytes: KIB },
  );
  router.rpc(
    method.getReplies,
    ({ replyIds }) => {
      if (replyIds.length > MAX_ASKED_REPLIES) throw new Refusal('invalid', `${replyIds.length} replies at once`);
      return { replies: store.read(() => listStatuses(store, verdicts, replyIds)) };
    },
    { readMaxBytes: 2 * KIB },
  );
}

/** As many as there is room for, and one at least. */
function listStatuses(store: Store, verdicts: VerdictContext, replyIds: readonly Uint8Array[]) {
  const statuses: (ReplyStatusInit | typeof NEVER_ADMITTED)[] = [];
  let sizeBytes = 0;
  for (const replyId of replyIds) {
    const status = readStatus(store, verdicts, replyId);
    sizeBytes += Buffer.byteLength(status?.detail ?? '');
    if (sizeBytes > STATUSES_ROOM && statuses.length > 0) break;
    statuses.push(status ?? NEVER_ADMITTED);
  }
  return statuses;
}

/** What this validator saw of those that the beacon had it test. */
function routeTests(router: ConnectRouter, { archive, store, verdicts }: RouteDependencies): void {
  const reportTests = createTestReporter(store, verdicts);
  router.rpc(
    ValidatorService.method.getTests,
    ({ kind: asked }) => {
      const kind = DRAW_KINDS.find((name) => name === asked);
      if (kind === undefined) throw new Refusal('invalid', `unknown kind of test; expected ${DRAW_KINDS.join(', ')}`);
      return { report: reportTests(kind, archive.latest().epoch) };
    },
    { readMaxBytes: KIB },
  );
}

/** What a quorum says of the heads of this validator's log. */
function routeHeads(router: ConnectRouter, { store }: Pick<RouteDependencies, 'store'>): void {
  router.rpc(
    ValidatorService.method.getHead,
    ({ sequence }) => ({ certificate: store.read(() => readHead(store, sequence)) ?? new Uint8Array(0) }),
    { readMaxBytes: KIB },
  );
}

/** Machines that this validator signs for, what it signed for, and its own. */
function routeMachines(
  router: ConnectRouter,
  { store, machines, show }: Pick<RouteDependencies, 'store' | 'machines' | 'show'>,
): void {
  const { method } = ValidatorService;
  router.rpc(method.getEvidence, ({ nonce }) => answerEvidence('validator', show, nonce), { readMaxBytes: KIB });
  router.rpc(
    method.certifyMachine,
    async ({ providerId, attestedKey, sealKeyHash, evidence, epoch, until }) => {
      if (machines === undefined) throw new Refusal('precondition', 'this network has no registry of machines');
      if ([providerId, attestedKey, sealKeyHash].some(({ length }) => length !== 32))
        throw new Refusal('invalid', 'provider id, key and hash of the seal key have 32 bytes each');
      const asked = { providerId, attestedKey, sealKeyHash, evidence, epoch, until };
      return { signature: (await certifyMachine(machines, asked)).signature };
    },
    { readMaxBytes: MAX_MACHINE_EVIDENCE_BYTES + KIB },
  );
  router.rpc(
    method.signMachineEjection,
    async ({ proof }) => {
      if (machines === undefined) throw new Refusal('precondition', 'this network has no registry of machines');
      return { signature: await answerEjection(machines, proof) };
    },
    { readMaxBytes: MACHINE_PROOF_LIMIT + KIB },
  );
  router.rpc(
    method.getMachineEvidence,
    ({ hash }) => {
      const evidence = store.read(() => findMachineEvidence(store, hash)?.evidence ?? findProof(store, hash)?.proof);
      if (evidence === undefined) throw new Refusal('not-found', 'no such evidence was signed for here');
      return { evidence };
    },
    { readMaxBytes: KIB },
  );
}

/** What this validator signs for a peer that gathers a quorum. */
function routeWords(
  router: ConnectRouter,
  { store, allotting, tallyBook, pricing, machines, show }: RouteDependencies,
): void {
  routeMachines(router, { store, machines, show });
  router.rpc(
    ValidatorService.method.getReinstatement,
    (asked) => ({ signature: store.read(() => findApproval(store, asked))?.signature ?? new Uint8Array(0) }),
    { readMaxBytes: KIB },
  );
  router.rpc(
    ValidatorService.method.signAllotment,
    async (asked) => {
      if (allotting === undefined) throw new Refusal('precondition', 'this network has no emission');
      const { allotment, signature } = await answerAllotment(allotting, asked);
      return { root: allotment.root, signature };
    },
    { readMaxBytes: KIB },
  );
  router.rpc(
    ValidatorService.method.signPrice,
    async ({ asset }) => {
      if (pricing === undefined) throw new Refusal('precondition', 'this validator is no price feed');
      if (asset.length !== 20) throw new Refusal('invalid', 'an asset is an address of 20 bytes');
      const { price, time, signature } = await signOwnQuote(pricing, bytesToHex(asset));
      return { price: createWriter(16).u128(price).finish(), time, signature };
    },
    { readMaxBytes: KIB },
  );
  router.rpc(
    ValidatorService.method.getEmissionUnits,
    async ({ number, account }) => {
      if (tallyBook === undefined) throw new Refusal('precondition', 'this network has no emission');
      const { units, proof } = await tallyBook.find(number, account);
      return { units: createWriter(16).u128(units).finish(), proof: [...proof] };
    },
    { readMaxBytes: KIB },
  );
}

/** @param epoch 0 for the newest. One that was passed over is signed, for whoever asks again. */
function readCertificate({ archive, wanted }: RouteDependencies, epoch: bigint): Uint8Array {
  const certificate = archive.findCertificate(epoch === 0n ? archive.latest().epoch : epoch);
  if (certificate !== undefined) return certificate;
  wantEpoch({ archive, wanted }, epoch);
  throw new Refusal('not-found', `no certificate of epoch ${epoch} here`);
}

/** Batches of other validators, to be signed. */
function routeCosigning(
  router: ConnectRouter,
  { cosigning, metrics }: Pick<RouteDependencies, 'cosigning' | 'metrics'>,
  findPeer: (context: HandlerContext) => Uint8Array,
): void {
  const takeTurn = createPeerTurns();

  async function answer(peer: Uint8Array, request: CosignBatchRequest) {
    const read = await unpackBatch(cosigning, request, { from: peer, most: MAX_EVIDENCE_BYTES });
    if ('lacking' in read) {
      metrics.cosigned.inc({ outcome: 'unread' });
      return { lacking: read.lacking, wantsWhole: read.lacking.length === 0 };
    }
    const whole = { ...request, ...read };
    const answered = await answerPeer(cosigning.signer, cosignBatch(cosigning, peer, whole));
    metrics.cosigned.inc({ outcome: answered.refused.length === 0 ? 'signed' : 'refuted' });
    metrics.uncompared.inc(answered.uncompared.length);
    if (answered.refused.length === 0) noteCosigned(metrics.steps, whole);
    return writeCosigned(answered);
  }

  router.rpc(
    ValidatorService.method.cosignBatch,
    async (request, context) => {
      try {
        const peer = findPeer(context);
        return await takeTurn(peer, context.signal, () => answer(peer, request));
      } catch (error) {
        metrics.cosigned.inc({ outcome: error instanceof CosignError ? error.code : 'failed' });
        if (error instanceof CosignError) throw new Refusal(COSIGN_REFUSALS[error.code], error.message);
        throw error;
      }
    },
    { readMaxBytes: MAX_EVIDENCE_BYTES },
  );
}

export function createRoutes(dependencies: RouteDependencies): (router: ConnectRouter) => void {
  const { intake, beacon, cosigning, store, verdicts, chain, grants, witness, metrics } = dependencies;
  const { method } = ValidatorService;
  const findSettled = createSettledEntries(store, verdicts.crypto);

  function findPeer(context: HandlerContext): Uint8Array {
    const peer = chain.findByCertHash(getCaller(context));
    if (peer === undefined) throw new Refusal('precondition', 'not a registered validator');
    return peer.address;
  }

  return (router) => {
    router.rpc(
      method.admit,
      async ({ order, consent }, context) => {
        if (consent === undefined) throw new Refusal('invalid', 'the consent of the provider is missing');
        const admission = await intake.admit({ ...readOrder(order), consent }, getCallerPlace(context));
        metrics.admitted.inc();
        return admission;
      },
      { readMaxBytes: 16 * KIB },
    );
    router.rpc(
      method.pushRecord,
      async (request) => {
        const answer = await intake.pushRecord(readSubmission(request));
        metrics.records.inc();
        return answer;
      },
      { readMaxBytes: MAX_REQUEST_BYTES + MAX_RESPONSE_BYTES + MAX_MACHINE_EVIDENCE_BYTES + 64 * KIB },
    );
    router.rpc(
      method.pushMilestone,
      async ({ push, opening, sealed }) => {
        if (push === undefined) throw new Refusal('invalid', 'the milestone is missing');
        const submission = readSubmission(push);
        if (sealed.length > 0) {
          await intake.pushSealedPart(readClaimedPart(submission, opening), sealed);
          return {};
        }
        if (isBare(submission)) throw new Refusal('invalid', 'a milestone is handed in with its texts');
        await intake.pushMilestone(submission, opening);
        return {};
      },
      { readMaxBytes: MAX_SEALED_PART_BYTES + 64 * KIB },
    );
    router.rpc(method.getSealKey, () => intake.showSealKey(), { readMaxBytes: KIB });
    routeDeliveries(router, dependencies);
    router.rpc(
      method.complain,
      async ({ order, reason, openingHash: hash, record, signature }, context) => {
        const openingHash = hash.length === 0 ? undefined : hash;
        const told = { order: readOrder(order), reason, record: record as SignedRecord | undefined };
        const complaint = { ...told, openingHash, signature };
        const outcome = await intake.complain({ ...complaint, opening: undefined });
        metrics.complaints.inc({ outcome: outcome.outcome });
        if (openingHash === undefined || outcome.outcome !== 'noted') return outcome;
        const { payer } = parseOrder(complaint.order.order);
        return { ...outcome, wantsOpening: grants.give(getCaller(context), { ...complaint, payer }) };
      },
      { readMaxBytes: 64 * KIB },
    );
    router.rpc(
      method.proveComplaint,
      async ({ order, opening }, context) => {
        const complaint = grants.take(getCaller(context), order);
        if (complaint === undefined) throw new Refusal('precondition', 'no opening was asked of you for this order');
        const outcome = await intake.complain({ ...complaint, opening: opening?.opening });
        metrics.complaints.inc({ outcome: outcome.outcome });
        return outcome;
      },
      { readMaxBytes: MAX_PROOF_BYTES },
    );
    router.rpc(
      method.announce,
      async (signed, context) => {
        await intake.announce(signed, getCaller(context));
        return {};
      },
      { readMaxBytes: 64 * KIB },
    );
    routeBeacons(router, dependencies);
    routeReplies(router, dependencies);
    router.rpc(
      method.listVerdicts,
      ({ from, limit: wanted }, context) => {
        const settled = store.read(() => readSettledHead(store));
        const { length, head } = store.read(() => readPosition(store, verdicts));
        const isValidator = chain.findByCertHash(getCaller(context)) !== undefined;
        const most = MAX_LISTED_VERDICTS[isValidator ? 'validator' : 'anybody'];
        const count = Math.min(wanted || most, most);
        const entries = from > length ? [] : store.read(() => listEntries(store, from, count));
        return {
          entries: entries.map(({ entry }) => entry),
          head,
          length,
          finalizedLength: settled.length,
          signatures: settled.signatures.map(({ signer, signature }) => ({ signer, signature })),
          finalizedHead: settled.head ?? new Uint8Array(0),
        };
      },
      { readMaxBytes: KIB },
    );
    router.rpc(
      method.getIntake,
      async ({ replyId }) => {
        const found = await intake.findIntake(replyId);
        if (found === undefined) throw new Refusal('not-found', 'no record of such a reply was taken in here');
        return found;
      },
      { readMaxBytes: KIB },
    );
    router.rpc(
      method.getSettled,
      ({ replyId }) => {
        const found = store.read(() => findSettled(replyId));
        if (found === undefined) throw new Refusal('not-found', 'no such reply is settled here yet');
        return found;
      },
      { readMaxBytes: KIB },
    );
    router.rpc(
      method.deliverBeacon,
      async ({ message }, context) => {
        try {
          const peer = chain.recallByCertHash(getCaller(context));
          if (peer === undefined) throw new Refusal('precondition', 'not a validator, nor one that has just left');
          await beacon.receive(peer.address, message);
        } catch (error) {
          if (error instanceof ProtocolError) throw new Refusal('invalid', error.message);
          throw error;
        }
        return {};
      },
      { readMaxBytes: MAX_KEY_MESSAGE_BYTES },
    );
    routeWords(router, dependencies);
    router.rpc(
      method.witness,
      async (request, context) => {
        const answer = await refusing(() => answerWitness(witness, findPeer(context), readWitnessAsk(request)));
        metrics.witnessed.inc({ answer: answer.kind });
        return writeWitnessAnswer(answer);
      },
      { readMaxBytes: MAX_JOB_BYTES },
    );
    router.rpc(
      method.listHeard,
      ({ validator, replies }) => {
        if (replies.length > MAX_BATCH_ENTRIES) throw new Refusal('invalid', `${replies.length} replies at once`);
        return { heard: listHeard(cosigning, validator, replies).map(writeHeardAnswer) };
      },
      { readMaxBytes: 128 * KIB },
    );
    routeTests(router, dependencies);
    routeHeads(router, dependencies);
    router.rpc(
      method.handAnnouncements,
      ({ held }) => ({ announcements: listLacking({ store, clock: cosigning.clock }, held) }),
      { readMaxBytes: 64 * KIB },
    );
    routeCosigning(router, dependencies, findPeer);
  };
}

function writeCosigned({ share, head, refused, uncompared, ...word }: CosignAnswer) {
  return {
    ...{ ...word, uncompared: [...uncompared] },
    ...(share && { share }),
    ...(head && { headKey: head.publicKey, headSignature: head.signature }),
    refused: refused.map(({ delivery, ...fault }) => ({
      ...fault,
      ...(delivery && { delivery: writeDelivered(delivery) }),
    })),
  };
}

/** A quorum settles what it has signed, so each signature is a step of every reply in the batch. */
function noteCosigned(steps: ReplySteps, { entries }: Pick<CosignBatchRequest, 'entries'>): void {
  for (const { logEntry } of entries) steps.add(parseVerdictEntry(logEntry).replyId, 'co-sign');
}

/** The public names of the states. */
function toPublicState({ state, verdict }: Pick<ReplyStatusRow, 'state' | 'verdict'>): string {
  if (verdict === 'abandoned' || state === 'refused') return 'abandoned';
  if (state === 'auditing' || state === 'waiting') return 'recorded';
  return state === 'decided' ? 'audited' : state;
}

type ReplyStatusInit = NonNullable<ReturnType<typeof readStatus>>;

const NEVER_ADMITTED = { state: '' };

/** Inside a read. @returns undefined where no such reply was admitted here. */
function readStatus(store: Store, { crypto }: Pick<VerdictContext, 'crypto'>, replyId: Uint8Array) {
  const row = readReplyStatus(store, replyId);
  if (row === undefined) return undefined;
  const { verdict = '', checks, sequence, isUncollectable, isVoid, sitting } = row;
  const divergence = readDivergence(store, replyId);
  const isRefused = row.state === 'refused';
  const isOwed = !isRefused && verdict !== '' && isBillable(verdict as Verdict);
  const fee = isOwed ? (row.feeAtomic ?? 0n) : 0n;
  const batch =
    sequence === undefined
      ? undefined
      : store.prepare('SELECT transaction_hash FROM batches WHERE sequence = ?').get(sequence);
  return {
    state: toPublicState(row),
    verdict,
    detail: JSON.stringify({
      checks: checks === undefined ? [] : JSON.parse(checks),
      feeAtomic: fee.toString(),
      ...(isUncollectable && { isUncollectable }),
      ...(isVoid && { isVoid }),
      ...(row.state === 'waiting' && { waitsForSitting: sitting }),
      ...(isRefused && { isRefused }),
      ...(divergence && { divergence: describeDivergence(divergence) }),
      epoch: parseOrder(row.orderBytes).epoch.toString(),
    }),
    // The field holds 64 bits; the detail has the number whatever its size.
    feeAtomic: fee > MAX_U64 ? MAX_U64 : fee,
    recordHash: row.record ? hashRecord(crypto, row.record) : new Uint8Array(0),
    transaction: (batch?.transaction_hash as string | null | undefined) ?? '',
  };
}
