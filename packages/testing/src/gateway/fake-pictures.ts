import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { KnownBeacon } from '@ogong/host/views/beacon-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { BLOB_CHUNK_BYTES, type CommittedBlob, createBlobHasher } from '@ogong/protocol/commitment/blob';
import { computeCommitment, encodeOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { computeBankSeed } from '@ogong/protocol/commitment/sketch';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { GetBlobRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type RequestMedia, readMediaHash } from '@ogong/protocol/modality/media/media';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { computeDrawKey, type DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { planGuidance, type StepGuidance } from '@ogong/protocol/modality/trajectory/guidance-plan';
import {
  countLatentValues,
  encodeTrajectoryHeader,
  type PictureChoices,
  type TrajectoryHeader,
} from '@ogong/protocol/modality/trajectory/header';
import { encodeStepLeaves, type StepLeaf } from '@ogong/protocol/modality/trajectory/leaf';
import { computeValuesRoot } from '@ogong/protocol/modality/trajectory/links';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { countUnits, PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import { listPreviewSteps } from '@ogong/protocol/modality/trajectory/previews';
import { PROJECTION_SUMS, projectValues } from '@ogong/protocol/modality/trajectory/projection';
import { GUIDANCE_ONE, type PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { countLeftOut, countRun } from '@ogong/protocol/modality/trajectory/request-picture';
import { guideStep } from '@ogong/protocol/modality/trajectory/schedule/momentum';
import { answersLatent } from '@ogong/protocol/modality/trajectory/step-range';
import { getTier } from '@ogong/protocol/tier/registry';
import { readLatent, readSource } from '@ogong/provider/modality/trajectory/read-source';
import { createFakeTrajectoryEngine } from '../engine/fake-trajectory.ts';

/** A blob that a fake provider keeps. */
export interface FakeBlob extends CommittedBlob {
  readonly bytes: Uint8Array;
}

interface OrderedPicture {
  readonly order: NamedOrder;
  readonly request: PictureRequest;
  readonly body: Uint8Array;
  readonly media: RequestMedia;
  readonly beacon: KnownBeacon;
  /** Changes the output of a step after the model computed it, and before it is committed. */
  readonly bendOutput?: ((output: Float32Array, step: number) => Float32Array) | undefined;
}

/** Returns a picture of the fake model, committed as by a provider, with the blobs of its outputs. */
export async function composePicture(
  signer: HybridSigner,
  { order, request, body, media, beacon, bendOutput = (output) => output }: OrderedPicture,
) {
  const engine = createFakeTrajectoryEngine();
  const info = engine.info();
  const { steps = info.steps, size = info.size, sampler = info.scheduler.sampler } = request;
  const guidanceQ16 = request.guidanceQ16 ?? info.guidance * GUIDANCE_ONE;
  const { guidancePlan } = request;
  const choices: PictureChoices = { ...size, steps, guidanceQ16, sampler, guidancePlan };
  const drawKey = chooseDrawKey(order, request, beacon.value);
  const facts = { latentChannels: info.latentChannels, latentScale: info.latentScale, scheduler: info.scheduler };
  const embeddingSize = countLatentValues(choices, facts);
  const noise = createLatentNoise(crypto, computeDrawKey(crypto, drawKey), embeddingSize);
  const blinds = computeBlinds(crypto, { body, replyId: order.replyId });
  const sketchBankSeed = computeBankSeed(crypto, order.modelRoot, beacon.previous);
  const { prompt, negativePrompt } = request;
  const { range } = request;
  const leftOut = countLeftOut(steps, request.source ?? range);
  const asked = {
    ...size,
    ...{ prompt, negativePrompt, steps, sampler, leftOut },
    guidance: guidanceQ16 / GUIDANCE_ONE,
    ...(range && { lastStep: range.lastStep }),
    guidancePlan,
  };
  const guidance = planGuidance(asked);
  let state: Float32Array | undefined;
  const first = readLatent(request, media, embeddingSize);
  const input = await readSource(request, media, { size, info });
  const source = input && { latent: (await engine.encode(input.pixels, size)).latent, mask: input.mask };
  const leaves: StepLeaf[] = [];
  const blobs: FakeBlob[] = [];
  let final = noise;
  for await (const { step, latent, output } of engine.generate(asked, { noise, source, latent: first })) {
    final = latent;
    if (output === undefined) break;
    const shown = bendOutput(output, step);
    const blob = commitBlob(blinds.answer, encodeValues(shown));
    blobs.push(blob);
    ({ state } = guideStep(guidance[step] as StepGuidance, shown, state));
    leaves.push({
      latentRoot: computeValuesRoot(crypto, blinds.answer, latent),
      outputRoot: blob.ref.root,
      stateRoot: state && computeValuesRoot(crypto, blinds.answer, state),
      projection: projectValues(crypto, sketchBankSeed, shown),
    });
  }
  const response = answersLatent(steps, range) ? encodeValues(final) : await engine.decode(final, size);
  const keep = (values: Float32Array): Uint8Array => {
    const blob = commitBlob(blinds.answer, encodeValues(values));
    blobs.push(blob);
    return blob.ref.root;
  };
  if (first) keep(first);
  const { name: tier, method } = getTier(parseModelId(request.model).tier);
  const header: TrajectoryHeader = {
    ...{ orderHash: order.orderHash, endpoint: request.endpoint, tier, method, numericClass: info.numericClass },
    ...{ vocabularyHash: info.vocabularyHash, embeddingSize, sketchDirections: PROJECTION_SUMS, sketchBankSeed },
    ...{ drawKey, choice: order.choice, promptTokensHash: crypto.sha256(body) },
    ...{ promptTokenCount: 0, outputTokenCount: countUnits(size, leaves.length), choices, facts },
    source: source &&
      request.source && {
        ...{ strengthQ16: request.source.strengthQ16, pictureHash: readMediaHash(request.source.picture) },
        latentRoot: keep(source.latent),
        projection: projectValues(crypto, sketchBankSeed, source.latent),
        mask: source.mask && { fileHash: readMediaHash(request.source.mask as string), root: keep(source.mask) },
      },
    range: range && {
      ...{ firstStep: range.firstStep, lastStep: range.lastStep },
      latentHash: first && crypto.sha256(encodeValues(first)),
    },
    ...{ pixels: projectValues(crypto, sketchBankSeed, response), parts: [], payee: order.payee },
  };
  const windows = encodeStepLeaves({
    steps: leaves,
    finalRoot: computeValuesRoot(crypto, blinds.answer, final),
  });
  const opening = { blind: blinds.answer, header: encodeTrajectoryHeader(header), windows };
  const startNs = BigInt(Date.now() - 2_000) * 1_000_000n;
  const record = encodeRecordV2({
    ...{
      replyId: order.replyId,
      requestHash: order.requestHash,
      modelRoot: order.modelRoot,
      tokenCount: leaves.length,
    },
    responseHash: hashResponse(crypto, blinds.answer, response),
    commitRoot: computeCommitment(crypto, opening).root,
    ...{ startNs, endNs: startNs + 5_000_000n },
  });
  await engine.close();
  const signed = { record, providerKey: signer.publicKey, signature: signer.sign(record) };
  return { response, blobs, opening: encodeOpening(opening), finished: { record: signed, header: opening.header } };
}

/** Lists the events of the steps, with the finished picture as every preview. Those of a link that ends early are black. */
export function listSteps(
  { choices: { width, height, steps: all }, source, range }: Pick<TrajectoryHeader, 'choices' | 'source' | 'range'>,
  { asked, preview: finished }: { readonly asked: PictureRequest; readonly preview: Uint8Array },
) {
  const steps = range ? all : countRun(all, source);
  const due = listPreviewSteps(steps, asked.stream ? asked.partialPictures : 0);
  const preview = answersLatent(all, range) ? new Uint8Array(width * height * PIXEL_BYTES) : finished;
  const before = range?.firstStep ?? 0;
  return Array.from({ length: countRun(all, source ?? range) }, (_, i) => ({
    ...{ step: before + i + 1, steps },
    ...(due.includes(before + i + 1) ? { width, height, preview } : {}),
  }));
}

function chooseDrawKey(order: NamedOrder, { seed }: PictureRequest, beacon: Uint8Array): DrawKeyInputs {
  const { requestHash, modelRoot, choice, nonce, replyId, providerId, epoch } = order;
  return seed === undefined
    ? { mode: 'nonce', nonce, requestHash, replyId, providerId, epoch, beacon }
    : { mode: 'seed', seed, requestHash, modelRoot, choice };
}

function commitBlob(blind: Uint8Array, bytes: Uint8Array): FakeBlob {
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(bytes);
  return { ...hasher.finish(), bytes };
}

/** Blobs of a fake provider, by the root that a reader names. */
export interface FakeBlobStore {
  put(blobs: readonly FakeBlob[]): void;
  /** Lists the chunks of a call; undefined if there is no such blob. */
  find(
    asked: Pick<GetBlobRequest, 'root' | 'first' | 'count'>,
  ): { index: number; data: Uint8Array; proof: Uint8Array[] }[] | undefined;
}

export function createFakeBlobStore(): FakeBlobStore {
  const held = new Map<string, FakeBlob>();
  return {
    put(blobs) {
      for (const blob of blobs) held.set(toHex(blob.ref.root), blob);
    },
    find({ root, first, count }) {
      const blob = held.get(toHex(root));
      return (
        blob &&
        Array.from({ length: count }, (_, i) => {
          const index = first + i;
          const data = blob.bytes.subarray(index * BLOB_CHUNK_BYTES, (index + 1) * BLOB_CHUNK_BYTES);
          return { index, data, proof: blob.prove(index) };
        })
      );
    },
  };
}
