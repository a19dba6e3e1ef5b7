import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { bytesToHex } from '@ogong/chain/hex';
import { answerEvidence } from '@ogong/host/link/answer-evidence';
import { Refusal, type RefusalCode } from '@ogong/host/link/link-error';
import type { ReplySteps } from '@ogong/host/metrics/reply-steps';
import { createWriter } from '@ogong/protocol/base/bytes';
import { MAX_BATCH_BYTES } from '@ogong/protocol/exchange/limits';
import { type CosignBatchRequest, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { MACHINE_PROOF_LIMIT } from '@ogong/protocol/machine/machine-ejection';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { MAX_MACHINE_EVIDENCE_BYTES } from '@ogong/protocol/tier/attestation';
import { certifyMachine } from './machines/certify-machine.ts';
import { answerEjection } from './machines/eject-machine.ts';
import { signOwnQuote } from './prices/price-state.ts';
import { KIB, MAX_EVIDENCE_BYTES, type RouteDependencies } from './route-dependencies.ts';
import { answerPeer, type CosignAnswer, cosignBatch } from './settlement/cosign/cosign.ts';
import { CosignError, type CosignErrorCode } from './settlement/cosign/cosign-error.ts';
import { measureUnpacked, type UnpackedLimits, unpackBatch } from './settlement/cosign/unpack-batch.ts';
import { createUnpackedRoom } from './settlement/cosign/unpacked-room.ts';
import { createPeerTurns } from './settlement/peer-turns.ts';
import { answerAllotment } from './settlement/step-allotment.ts';
import { findProof } from './store/machine-proof-store.ts';
import { findMachineEvidence } from './store/machine-store.ts';
import { findApproval } from './store/reinstatement-store.ts';
import { writeDelivered } from './wire-messages.ts';

const COSIGN_REFUSALS: Readonly<Record<CosignErrorCode, RefusalCode>> = {
  refuted: 'invalid',
  conflict: 'conflict',
  'not-next': 'precondition',
  unavailable: 'unavailable',
};

/** Adds routes for machines: this validator's signatures, the signed evidence, and its own machine. */
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
        throw new Refusal('invalid', 'provider id, attested key and hash of the seal key must have 32 bytes each');
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
      if (evidence === undefined) throw new Refusal('not-found', 'this validator has signed for no such evidence');
      return { evidence };
    },
    { readMaxBytes: KIB },
  );
}

/** Adds routes on which this validator signs for a peer that gathers a quorum. */
export function routeSignatures(
  router: ConnectRouter,
  { store, allotting, tallyStore, pricing, machines, show }: RouteDependencies,
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
      if (tallyStore === undefined) throw new Refusal('precondition', 'this network has no emission');
      const { units, proof } = await tallyStore.find(number, account);
      return { units: createWriter(16).u128(units).finish(), proof: [...proof] };
    },
    { readMaxBytes: KIB },
  );
}

/** A delivery that arrives after an entry was measured is sent too, so batches may be larger than at packing. */
const UNPACKED_LIMITS: UnpackedLimits = { several: 1.5 * MAX_BATCH_BYTES, single: MAX_EVIDENCE_BYTES };

/** Adds the route for co-signatures under batches of other validators. */
export function routeCosigning(
  router: ConnectRouter,
  { cosigning, metrics }: Pick<RouteDependencies, 'cosigning' | 'metrics'>,
  findPeer: (context: HandlerContext) => Uint8Array,
): void {
  const takeTurn = createPeerTurns();
  const takeRoom = createUnpackedRoom(MAX_EVIDENCE_BYTES);

  async function answer(peer: Uint8Array, request: CosignBatchRequest, most: number) {
    const read = await unpackBatch(cosigning, request, { from: peer, most });
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
        const { signal } = context;
        const bytes = measureUnpacked(request, UNPACKED_LIMITS);
        return await takeTurn(peer, signal, () => takeRoom(bytes, signal, () => answer(peer, request, bytes)));
      } catch (error) {
        metrics.cosigned.inc({ outcome: error instanceof CosignError ? error.code : 'failed' });
        if (error instanceof CosignError) throw new Refusal(COSIGN_REFUSALS[error.code], error.message);
        throw error;
      }
    },
    { readMaxBytes: MAX_EVIDENCE_BYTES },
  );
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

/** A quorum settles the batch that it has signed, so each signature is a step of every reply in it. */
function noteCosigned(steps: ReplySteps, { entries }: Pick<CosignBatchRequest, 'entries'>): void {
  for (const { logEntry } of entries) steps.add(parseVerdictEntry(logEntry).replyId, 'co-sign');
}
