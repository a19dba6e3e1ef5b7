import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { createWriter } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import { toFixed } from '@ogong/protocol/modality/shared/request-fields';
import { type DistanceRow, MIN_DISTANCE_REPLIES } from '@ogong/protocol/modality/text/drift/distance-rows';
import { countLatentValues, type PictureChoices } from '@ogong/protocol/modality/trajectory/header';
import { PICTURE_MEASURES, type PictureDrift } from '@ogong/protocol/modality/trajectory/measured-limits';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import { computeProjectionDistance, projectValues } from '@ogong/protocol/modality/trajectory/projection';
import { GUIDANCE_ONE, MAX_GUIDANCE } from '@ogong/protocol/modality/trajectory/request';
import type { DistanceOptions, EnginesApart } from '../modality.ts';
import { makePicture, toEngineRequest } from './make-picture.ts';
import { resolveChoices } from './picture-choices.ts';

/** Subjects of all kinds, so that no kind of picture decides. */
const SUBJECTS = [
  'a red apple',
  'an old lighthouse',
  'a crowded street at night',
  'two dogs in the snow',
  'a blue circle',
];
const STYLES = ['', ', oil painting', ', photograph', ', pencil drawing'];
/** Multiples of the model's own guidance. A high guidance amplifies the difference of two passes. */
const GUIDANCES = [1, 1.5, 0.5];
const NOISE_DOMAIN = encodeDomain('ogong-picture-drift-v1');

/**
 * Measures how far two engines of different classes differ on honest pictures. The first one makes each picture. The second one runs all
 * of its steps again from the same latents, and decodes the last latent.
 * @throws RangeError for too few pictures, two models, or one class; EngineError.
 */
export async function measurePictureDrift(
  { provider, verifier }: EnginesApart<TrajectoryEngine>,
  options: DistanceOptions,
): Promise<DistanceRow> {
  const { replies, codeVersion, onProgress } = options;
  const { modelRoot, numericClass: providerClass } = provider.info();
  const { modelRoot: otherRoot, numericClass: verifierClass } = verifier.info();
  if (replies < MIN_DISTANCE_REPLIES)
    throw new RangeError(`${replies} pictures; a row of a drift table takes ${MIN_DISTANCE_REPLIES}`);
  if (modelRoot.some((byte, i) => byte !== otherRoot[i])) throw new RangeError('the two engines run different models');
  if (providerClass === verifierClass) throw new RangeError(`both engines compute in ${providerClass}`);
  const largest: Record<keyof PictureDrift, number> = { guidance: 0, output: 0, pixels: 0, size: 0 };
  for (let number = 0; number < replies; number++) {
    const found = await measurePicture({ provider, verifier }, number, options);
    for (const measure of PICTURE_MEASURES) largest[measure] = Math.max(largest[measure], found[measure]);
    onProgress?.(number + 1);
  }
  return {
    ...{ modelRoot, providerClass, verifierClass, codeVersion, replies },
    largest: PICTURE_MEASURES.map((name) => ({ name, value: largest[name] })),
  };
}

async function measurePicture(
  { provider, verifier }: EnginesApart<TrajectoryEngine>,
  number: number,
  { crypto, steps, signal }: DistanceOptions,
): Promise<PictureDrift> {
  const info = provider.info();
  const guidance = Math.min(MAX_GUIDANCE, info.guidance * pick(GUIDANCES, number));
  const usual = { size: undefined, sampler: undefined, guidancePlan: undefined };
  const asked = { ...usual, steps, guidanceQ16: toFixed(guidance, GUIDANCE_ONE) };
  const choices: PictureChoices = resolveChoices(asked, info);
  const prompt = `${pick(SUBJECTS, number)}${pick(STYLES, Math.floor(number / SUBJECTS.length))}`;
  const request = { prompt, negativePrompt: '' };
  const seed = crypto.sha256(createWriter().bytes(NOISE_DOMAIN).u32(number).finish());
  const noise = createLatentNoise(crypto, seed, countLatentValues(choices, info));
  const made = await makePicture(provider, { request, choices }, { noise, signal });
  const distanceOf = (claimed: ArrayLike<number>, own: ArrayLike<number>): number =>
    computeProjectionDistance(projectValues(crypto, seed, claimed), projectValues(crypto, seed, own));
  const engineRequest = toEngineRequest(request, choices);
  let output = 0;
  for (const [step, values] of made.steps.entries()) {
    const ran = await verifier.runStep(engineRequest, { step, latent: values.latent }, { signal });
    output = Math.max(output, distanceOf(values.output, ran.output));
  }
  const pixels = distanceOf(made.pixels, await verifier.decode(made.final, choices, { signal }));
  const size = choices.width * choices.height * PIXEL_BYTES;
  return { output, pixels, guidance: choices.guidanceQ16, size };
}

const pick = <T>(values: readonly T[], number: number): T => values[number % values.length] as T;
