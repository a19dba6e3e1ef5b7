import type { TrajectoryEngine, TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { HIDDEN_VALUES } from '@ogong/protocol/modality/trajectory/hidden/hidden-facts';
import { PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import { GUIDANCE_ONE, type PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import type { MadePicture } from './make-picture.ts';
import type { ChoiceProblem } from './picture-choices.ts';

/** Explains why a server that shows no steps does not make the picture of a request; undefined if it does. */
export function findHiddenChoiceProblem(
  {
    steps,
    guidanceQ16,
    sampler,
    range,
    guidancePlan,
  }: Pick<PictureRequest, 'steps' | 'guidanceQ16' | 'sampler' | 'range' | 'guidancePlan'>,
  { capabilities }: Pick<TrajectoryInfo, 'capabilities'>,
): ChoiceProblem | undefined {
  if (capabilities === undefined) return undefined;
  const { takesSteps, takesGuidance } = capabilities;
  const refuse = (param: string): ChoiceProblem => ({
    message: `the server behind this provider takes no ${param}; leave it out`,
    param,
  });
  if (sampler !== undefined) return refuse('sampler');
  if (range !== undefined) return refuse('first_step or last_step');
  if (guidancePlan !== undefined) return refuse('window or momentum of guidance');
  if (steps !== undefined && !takesSteps) return refuse('steps');
  if (guidanceQ16 !== undefined && !takesGuidance) return refuse('guidance');
  return undefined;
}

/**
 * Makes a picture on a server that shows no steps.
 * @param engine one with `makeWhole`.
 * @param options.seedKey key of the draws, 32 bytes. The same key gives the same seed, so that a request with a seed repeats itself if the
 * server does.
 * @throws EngineError
 */
export async function makeWholePicture(
  engine: Pick<TrajectoryEngine, 'makeWhole'>,
  { request, choices }: { readonly request: PictureRequest; readonly choices: MadePicture['choices'] },
  { seedKey, signal }: { readonly seedKey: Uint8Array; readonly signal: AbortSignal },
): Promise<MadePicture & { readonly exchange: ShownExchange | undefined }> {
  if (engine.makeWhole === undefined) throw new TypeError('this engine shows its steps');
  const { prompt, negativePrompt, steps, guidanceQ16 } = request;
  const { width, height } = choices;
  const { pixels, exchange } = await engine.makeWhole(
    {
      ...{ prompt, negativePrompt, width, height, steps },
      guidance: guidanceQ16 === undefined ? undefined : guidanceQ16 / GUIDANCE_ONE,
      seed: Buffer.from(seedKey.subarray(0, 4)).readUInt32BE() >>> 1,
    },
    { signal },
  );
  if (pixels.length !== width * height * PIXEL_BYTES) throw new TypeError('the engine made a picture of another size');
  const tokens = { prompt: new Uint32Array(), negative: new Uint32Array() };
  return { choices, tokens, steps: [], source: undefined, final: new Float32Array(HIDDEN_VALUES), pixels, exchange };
}
