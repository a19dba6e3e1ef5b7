import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import type { Caller } from '@ogong/host/link/link-admission';
import { RateLimited, Refusal } from '@ogong/host/link/link-error';
import { getCaller, getCallerPlace, type MethodName } from '@ogong/host/link/link-server';
import { DRAW_KINDS } from '@ogong/protocol/audit/secret-draw';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { MAX_KEY_MESSAGE_BYTES } from '@ogong/protocol/beacon/threshold/key-message';
import { MAX_OPENING_BYTES } from '@ogong/protocol/commitment/opening';
import {
  MAX_ANY_RESPONSE_BYTES,
  MAX_ASKED_REPLIES,
  MAX_REQUEST_BYTES,
  MAX_SEALED_PART_BYTES,
  MAX_SENT_JOB_BYTES,
  MAX_TOLD_REPLIES,
} from '@ogong/protocol/exchange/limits';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { type AcknowledgeRequest, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { MAX_BATCH_ENTRIES } from '@ogong/protocol/settlement/gas';
import { MAX_OWN_EVIDENCE_BYTES } from '@ogong/protocol/tier/registry';
import type { SignedRecord } from '@ogong/protocol/verdict/claim';
import { isBare } from '@ogong/protocol/verdict/claim';
import { createTestReporter } from './canary/report-tests.ts';
import { listLacking } from './intake/hand-announcements.ts';
import { refusing } from './intake/refusing.ts';
import { listStatuses, readStatus } from './reply-status.ts';
import { requestEpoch } from './request-epoch.ts';
import { KIB, type RouteDependencies } from './route-dependencies.ts';
import { routeCosigning, routeSignatures } from './route-peers.ts';
import { listSecondDeliveries } from './settlement/cosign/contradicting-deliveries.ts';
import { listEntries, readHead, readSettledHead } from './store/batch-store.ts';
import { createSettledEntries } from './store/replies/settled-entries.ts';
import { readPosition } from './store/verdict-store.ts';
import {
  readClaimedPart,
  readDelivered,
  readHanded,
  readOrder,
  readSubmission,
  readWitnessAsk,
  writeSecondDeliveryAnswer,
  writeWitnessAnswer,
} from './wire-messages.ts';
import { answerWitness } from './witness/answer-witness.ts';

const MAX_PROOF_BYTES = MAX_OPENING_BYTES + MAX_REQUEST_BYTES + MAX_ANY_RESPONSE_BYTES + KIB;
/** Number of entries in one answer, for a validator and for other callers. Each costs a row and its bytes. */
const MAX_LISTED_VERDICTS = { validator: 1_000, anybody: 250 } as const;
/** Largest delivery of one reply, bytes: two signatures, an ML-DSA key, a header and hashes. */
const MAX_DELIVERY = 32 * KIB;

/** Method for validators, and for those that left recently: the beacon needs them for two more epochs. */
export const BEACON_METHOD: MethodName = 'ogong.v1.ValidatorService/DeliverBeacon';

/** Other methods that only validators may call. */
export const PEER_METHODS: ReadonlySet<MethodName> = new Set([
  'ogong.v1.ValidatorService/CosignBatch',
  'ogong.v1.ValidatorService/GetReinstatement',
  'ogong.v1.ValidatorService/SignAllotment',
  'ogong.v1.ValidatorService/SignPrice',
  'ogong.v1.ValidatorService/Witness',
  'ogong.v1.ValidatorService/ListHeard',
  'ogong.v1.ValidatorService/HandAnnouncements',
  'ogong.v1.ValidatorService/GetMembers',
]);

/** Each reply of a list counts as one call of it. */
const DELIVERY_METHOD: MethodName = 'ogong.v1.ValidatorService/Acknowledge';

/** Method for peers that this validator asked for an opening. */
export const PROOF_METHOD: MethodName = 'ogong.v1.ValidatorService/ProveComplaint';

/**
 * Adds routes for the certificates and members of epochs. Gateways also see from them if this validator takes orders.
 */
function routeBeacons(router: ConnectRouter, dependencies: RouteDependencies): void {
  const { isDraining: draining = false, archive } = dependencies;
  router.rpc(
    ValidatorService.method.getMembers,
    ({ hash }) => {
      const members = archive.findMemberBytes(hash);
      if (members === undefined) throw new Refusal('not-found', 'no such set is kept here');
      return { members };
    },
    { readMaxBytes: KIB },
  );
  router.rpc(
    ValidatorService.method.getBeacon,
    ({ epoch }) => ({ certificate: readCertificate(dependencies, epoch), draining }),
    { readMaxBytes: KIB },
  );
}

/** Adds the routes on which payers send deliveries. */
function routeDeliveries(router: ConnectRouter, { intake, charge, blame, metrics }: RouteDependencies): void {
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
      if (told.length === 0 || told.length > MAX_TOLD_REPLIES)
        throw new Refusal('invalid', `${told.length} replies at once`);
      const caller = getCallerPlace(context);
      if (charge?.(caller, DELIVERY_METHOD, told.length) === false)
        throw new RateLimited('too many of these calls, slow down');
      // All deliveries are stored together. The caller sends them one by one if one is refused.
      const answers = await Promise.allSettled(told.map((one) => answer(one, caller)));
      const refused = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      if (refused.length > 0) {
        const [first, ...others] = refused;
        blame?.(caller, others);
        throw first;
      }
      return { answers: answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])) };
    },
    { readMaxBytes: MAX_TOLD_REPLIES * MAX_DELIVERY },
  );
}

/** Adds routes for the status of replies, for any caller that knows their ids. */
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

/** Adds the route for this validator's tests of providers. */
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

/** Adds the route for quorum certificates over heads of this validator's log. */
function routeHeads(router: ConnectRouter, { store }: Pick<RouteDependencies, 'store'>): void {
  router.rpc(
    ValidatorService.method.getHead,
    ({ sequence }) => ({ certificate: store.read(() => readHead(store, sequence)) ?? new Uint8Array(0) }),
    { readMaxBytes: KIB },
  );
}

/**
 * Reads a certificate. If a past epoch has none, the validator requests it, so that a later call may find it. @param
 * epoch 0 for the newest.
 */
function readCertificate({ archive, wanted }: RouteDependencies, epoch: bigint): Uint8Array {
  const certificate = archive.findCertificate(epoch === 0n ? archive.latest().epoch : epoch);
  if (certificate !== undefined) return certificate;
  requestEpoch({ archive, wanted }, epoch);
  throw new Refusal('not-found', `no certificate of epoch ${epoch} here`);
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
        const answer = await intake.pushRecord(readHanded(request));
        metrics.records.inc();
        return answer;
      },
      { readMaxBytes: MAX_REQUEST_BYTES + MAX_ANY_RESPONSE_BYTES + MAX_OWN_EVIDENCE_BYTES + 64 * KIB },
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
        if (isBare(submission)) throw new Refusal('invalid', 'a milestone needs its texts');
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
        if (complaint === undefined)
          throw new Refusal('precondition', 'this validator has not asked you for an opening of this order');
        const outcome = await intake.complain({ ...complaint, opening: opening?.opening, texts: opening?.texts });
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
        if (found === undefined)
          throw new Refusal('not-found', 'this validator has accepted no record of such a reply');
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
          if (peer === undefined) throw new Refusal('precondition', 'neither a validator nor one that has just left');
          await beacon.receive(peer.address, message);
        } catch (error) {
          if (error instanceof ProtocolError) throw new Refusal('invalid', error.message);
          throw error;
        }
        return {};
      },
      { readMaxBytes: MAX_KEY_MESSAGE_BYTES },
    );
    routeSignatures(router, dependencies);
    router.rpc(
      method.witness,
      async (request, context) => {
        const answer = await refusing(() => answerWitness(witness, findPeer(context), readWitnessAsk(request)));
        metrics.witnessed.inc({ answer: answer.kind });
        return writeWitnessAnswer(answer);
      },
      { readMaxBytes: MAX_SENT_JOB_BYTES },
    );
    router.rpc(
      method.listHeard,
      ({ validator, replies }) => {
        if (replies.length > MAX_BATCH_ENTRIES) throw new Refusal('invalid', `${replies.length} replies at once`);
        return { heard: listSecondDeliveries(cosigning, validator, replies).map(writeSecondDeliveryAnswer) };
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
