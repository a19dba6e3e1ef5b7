import type { TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import type { Blinds } from '@ogong/protocol/commitment/blinds';
import { createBlobHasher } from '@ogong/protocol/commitment/blob';
import type { Opening } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { encodeTrajectoryHeader, type TrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import { encodeStepLeaves } from '@ogong/protocol/modality/trajectory/leaf';
import { computeValuesRoot } from '@ogong/protocol/modality/trajectory/links';
import { countUnits } from '@ogong/protocol/modality/trajectory/picture-size';
import { PROJECTION_SUMS, projectValues } from '@ogong/protocol/modality/trajectory/projection';
import { hashPictureTokens } from '@ogong/protocol/modality/trajectory/prompt-tokens';
import type { KeptBlob } from '../order-job.ts';
import type { MadePicture } from './make-picture.ts';
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

/** Composes the committed leaves, and the blobs of the outputs. */
export function composePicture(
  crypto: Crypto,
  { blinds, info, picture, ...bound }: PictureParts,
): { readonly opening: Opening; readonly blobs: readonly KeptBlob[] } {
  const { numericClass, vocabularyHash } = info;
  const { choices, tokens, steps, final, pixels } = picture;
  const { sketchBankSeed } = bound;
  const blobs = steps.map(({ output }) => commitBlob(crypto, blinds.answer, encodeValues(output)));
  const leaves = steps.map(({ latent, output }, i) => ({
    latentRoot: computeValuesRoot(crypto, blinds.answer, latent),
    outputRoot: (blobs[i] as KeptBlob).ref.root,
    projection: projectValues(crypto, sketchBankSeed, output),
  }));
  const finalRoot = computeValuesRoot(crypto, blinds.answer, final);
  const header: TrajectoryHeader = {
    orderHash: bound.orderHash,
    endpoint: bound.endpoint,
    ...{ tier: bound.tier, method: bound.method, numericClass, vocabularyHash, embeddingSize: final.length },
    ...{ sketchDirections: PROJECTION_SUMS, sketchBankSeed, drawKey: bound.drawKey, choice: bound.choice },
    promptTokensHash: hashPictureTokens(crypto, blinds.prompt, tokens),
    promptTokenCount: 0,
    outputTokenCount: countUnits(choices, choices.steps),
    ...{ choices, facts: listFacts(info) },
    pixels: projectValues(crypto, sketchBankSeed, pixels),
    parts: [],
    payee: bound.payee,
  };
  const windows = encodeStepLeaves({ steps: leaves, finalRoot });
  return { opening: { blind: blinds.answer, header: encodeTrajectoryHeader(header), windows }, blobs };
}

function commitBlob(crypto: Crypto, blind: Uint8Array, bytes: Uint8Array): KeptBlob {
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(bytes);
  return { ref: hasher.finish().ref, bytes };
}
