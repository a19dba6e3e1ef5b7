import { setImmediate as pause } from 'node:timers/promises';
import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import type { Blinds } from '@ogong/protocol/commitment/blinds';
import { createBlobHasher } from '@ogong/protocol/commitment/blob';
import type { Opening } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { readMediaHash } from '@ogong/protocol/modality/media/media';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import {
  encodeTrajectoryHeader,
  type HeaderSource,
  type TrajectoryHeader,
} from '@ogong/protocol/modality/trajectory/header';
import { encodeStepLeaves, type StepLeaf } from '@ogong/protocol/modality/trajectory/leaf';
import { computeValuesRoot } from '@ogong/protocol/modality/trajectory/links';
import { countUnits } from '@ogong/protocol/modality/trajectory/picture-size';
import { PROJECTION_SUMS, projectValues } from '@ogong/protocol/modality/trajectory/projection';
import { hashPictureTokens } from '@ogong/protocol/modality/trajectory/prompt-tokens';
import { countRun } from '@ogong/protocol/modality/trajectory/request-picture';
import type { KeptBlob } from '../order-job.ts';
import type { EncodedSource, MadePicture } from './make-picture.ts';
import { listFacts } from './picture-choices.ts';

/** A picture as an engine made it, and what bound it. */
export interface PictureParts
  extends Pick<
    TrajectoryHeader,
    'orderHash' | 'endpoint' | 'tier' | 'method' | 'drawKey' | 'choice' | 'payee' | 'sketchBankSeed'
  > {
  readonly blinds: Blinds;
  readonly info: TrajectoryInfo;
  readonly picture: MadePicture;
}

/** Composes the committed leaves, and the blobs of the outputs and of a picture to change. Other work runs between two steps. */
export async function composePicture(
  crypto: Crypto,
  { blinds, info, picture, ...bound }: PictureParts,
): Promise<{ readonly opening: Opening; readonly blobs: readonly KeptBlob[] }> {
  const { numericClass, vocabularyHash } = info;
  const { choices, tokens, source, range, steps, final, pixels } = picture;
  const { sketchBankSeed } = bound;
  const commit = (values: Float32Array): KeptBlob => commitBlob(crypto, blinds.answer, encodeValues(values));
  const blobs: KeptBlob[] = [];
  const leaves: StepLeaf[] = [];
  for (const { latent, output, state } of steps) {
    const blob = commit(output);
    blobs.push(blob);
    leaves.push({
      latentRoot: computeValuesRoot(crypto, blinds.answer, latent),
      outputRoot: blob.ref.root,
      stateRoot: state && computeValuesRoot(crypto, blinds.answer, state),
      projection: projectValues(crypto, sketchBankSeed, output),
    });
    await pause();
  }
  const latentBlob = source && commit(source.latent);
  const maskBlob = source?.mask && commit(source.mask);
  const firstBlob = range?.latent === undefined || steps[0] === undefined ? undefined : commit(steps[0].latent);
  const finalRoot = computeValuesRoot(crypto, blinds.answer, final);
  const header: TrajectoryHeader = {
    orderHash: bound.orderHash,
    endpoint: bound.endpoint,
    ...{ tier: bound.tier, method: bound.method, numericClass, vocabularyHash, embeddingSize: final.length },
    ...{ sketchDirections: PROJECTION_SUMS, sketchBankSeed, drawKey: bound.drawKey, choice: bound.choice },
    promptTokensHash: hashPictureTokens(crypto, blinds.prompt, tokens),
    promptTokenCount: 0,
    outputTokenCount: countUnits(choices, countRun(choices.steps, source ?? range)),
    ...{ choices, facts: listFacts(info) },
    pixels: projectValues(crypto, sketchBankSeed, pixels),
    source:
      source &&
      latentBlob &&
      describeSource(crypto, source, { sketchBankSeed, latentRoot: latentBlob.ref.root, maskRoot: maskBlob?.ref.root }),
    range: range && {
      ...{ firstStep: range.firstStep, lastStep: range.lastStep },
      latentHash: range.latent === undefined ? undefined : readMediaHash(range.latent),
    },
    parts: [],
    payee: bound.payee,
  };
  const windows = encodeStepLeaves({ steps: leaves, finalRoot });
  return {
    opening: { blind: blinds.answer, header: encodeTrajectoryHeader(header), windows },
    blobs: [...blobs, latentBlob, maskBlob, firstBlob].filter((blob) => blob !== undefined),
  };
}

function describeSource(
  crypto: Crypto,
  { strengthQ16, latent, files }: EncodedSource,
  roots: {
    readonly sketchBankSeed: Uint8Array;
    readonly latentRoot: Uint8Array;
    readonly maskRoot: Uint8Array | undefined;
  },
): HeaderSource {
  const { sketchBankSeed, latentRoot, maskRoot } = roots;
  return {
    ...{ strengthQ16, pictureHash: readMediaHash(files.picture), latentRoot },
    projection: projectValues(crypto, sketchBankSeed, latent),
    mask:
      maskRoot === undefined || files.mask === undefined
        ? undefined
        : { fileHash: readMediaHash(files.mask), root: maskRoot },
  };
}

function commitBlob(crypto: Crypto, blind: Uint8Array, bytes: Uint8Array): KeptBlob {
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(bytes);
  return { ref: hasher.finish().ref, bytes };
}
