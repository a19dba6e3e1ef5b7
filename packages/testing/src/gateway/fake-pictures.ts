import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { KnownBeacon } from '@ogong/host/views/beacon-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { BLOB_CHUNK_BYTES, type CommittedBlob, createBlobHasher } from '@ogong/protocol/commitment/blob';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { GetBlobRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import { computeDrawKey, type DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { countLatentValues, type TrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { MAX_PIXELS, PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import { listPreviewSteps } from '@ogong/protocol/modality/trajectory/previews';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { countRun } from '@ogong/protocol/modality/trajectory/request-picture';
import { answersLatent } from '@ogong/protocol/modality/trajectory/step-range';
import { commitPicture } from '@ogong/provider/modality/trajectory/commit-picture';
import { makePicture } from '@ogong/provider/modality/trajectory/make-picture';
import { resolveChoices } from '@ogong/provider/modality/trajectory/picture-choices';
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

/** Returns a picture of the fake model, committed by a provider's own composer, with its blobs. */
export async function composePicture(
  signer: HybridSigner,
  { order, request, body, media, beacon, bendOutput = (output) => output }: OrderedPicture,
) {
  const engine = createFakeTrajectoryEngine({ mostPixels: MAX_PIXELS });
  const info = engine.info();
  const choices = resolveChoices(request, info);
  const drawKey = chooseDrawKey(order, request, beacon.value);
  const noise = createLatentNoise(crypto, computeDrawKey(crypto, drawKey), countLatentValues(choices, info));
  const input = await readSource(request, media, { size: choices, info });
  const latent = readLatent(request, media, { choices, info });
  const { signal } = new AbortController();
  const picture = await makePicture(engine, { request, choices, input, latent }, { noise, signal });
  await engine.close();
  const steps = picture.steps.map((made, step) => ({ ...made, output: bendOutput(made.output, step) }));
  const startMs = Date.now() - 2_000;
  const { header, opening, response, record, signature, blobs } = await commitPicture(crypto, signer, {
    ...{ order, request, body, info, beacon, drawKey, picture: { ...picture, steps } },
    ...{ startMs, endMs: startMs + 5 },
  });
  const { answer } = computeBlinds(crypto, { body, replyId: order.replyId });
  const signed = { record, providerKey: signer.publicKey, signature };
  return {
    ...{ response, opening, finished: { record: signed, header } },
    blobs: (blobs ?? []).map(({ bytes }) => commitBlob(answer, bytes)),
  };
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
