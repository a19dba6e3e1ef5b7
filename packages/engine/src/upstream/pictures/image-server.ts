import {
  MAX_DEFAULT_STEPS,
  MAX_PIXELS,
  MAX_SIDE,
  type PictureSize,
} from '@ogong/protocol/modality/trajectory/picture-size';
import { EngineError } from '../../interface/engine-error.ts';
import type { WholePictureRequest } from '../../interface/trajectory.ts';

/** Servers with OpenAI's API of images, by the fields that they take beside OpenAI's. */
export const IMAGE_SERVERS = ['openai', 'sd-server', 'vllm-omni', 'localai'] as const;
export type ImageServer = (typeof IMAGE_SERVERS)[number];

/** The most steps that a request without a number may bill. */
export const MOST_OWN_STEPS: number = MAX_DEFAULT_STEPS;
const LEAST_SIDE = 8;

/** Reads a size such as 512x512; undefined for a text that names no size of a picture. */
export function readPictureSize(text: string): PictureSize | undefined {
  const [, across, down] = /^(\d{1,4})x(\d{1,4})$/.exec(text) ?? [];
  const [width, height] = [Number(across), Number(down)];
  const isSide = (side: number): boolean => side >= LEAST_SIDE && side <= MAX_SIDE;
  return isSide(width) && isSide(height) && width * height <= MAX_PIXELS ? { width, height } : undefined;
}

interface ImageServerTraits {
  readonly takesSteps: boolean;
  readonly takesGuidance: boolean;
  readonly hasNegative: boolean;
  /** Returns the fields that replace or extend OpenAI's. */
  extend(request: WholePictureRequest): object;
}

/** The mark of stable-diffusion.cpp: the text between two of them is no prompt, but JSON with settings. */
const SETTINGS_MARK = 'sd_cpp_extra_args';

/** Sources: documentation of each server. None of them was run. */
export const IMAGE_SERVER_TRAITS: Readonly<Record<ImageServer, ImageServerTraits>> = {
  openai: { takesSteps: false, takesGuidance: false, hasNegative: false, extend: () => ({}) },
  'sd-server': {
    ...{ takesSteps: true, takesGuidance: true, hasNegative: true },
    extend({ prompt, negativePrompt, steps, guidance, seed }) {
      const sampling = {
        ...(steps !== undefined && { sample_steps: steps }),
        ...(guidance !== undefined && { guidance: { txt_cfg: guidance } }),
      };
      // Older versions take the names without `sample_params`.
      const settings = {
        seed,
        ...(negativePrompt !== '' && { negative_prompt: negativePrompt }),
        ...(steps !== undefined && { steps }),
        ...(guidance !== undefined && { cfg_scale: guidance }),
        ...(Object.keys(sampling).length > 0 && { sample_params: sampling }),
      };
      const marked = `<${SETTINGS_MARK}>${JSON.stringify(settings)}</${SETTINGS_MARK}>`;
      return { prompt: `${prompt} ${marked}`, output_format: 'png' };
    },
  },
  'vllm-omni': {
    ...{ takesSteps: true, takesGuidance: true, hasNegative: true },
    extend: ({ negativePrompt, steps, guidance, seed }) => ({
      seed,
      ...(negativePrompt !== '' && { negative_prompt: negativePrompt }),
      ...(steps !== undefined && { num_inference_steps: steps }),
      ...(guidance !== undefined && { guidance_scale: guidance }),
    }),
  },
  localai: {
    ...{ takesSteps: true, takesGuidance: false, hasNegative: false },
    extend: ({ steps, seed }) => ({ seed, ...(steps !== undefined && { step: steps }) }),
  },
};

/**
 * Writes the body for a server.
 * @param options.takesFormat whether the server takes `response_format`. Without the field it answers in a format of its own.
 * @throws EngineError 'invalid-request' for a prompt that holds settings of the server, which nobody would pay for.
 */
export function toImageBody(
  request: WholePictureRequest,
  {
    model,
    server,
    takesFormat,
  }: { readonly model: string; readonly server: ImageServer; readonly takesFormat: boolean },
): object {
  const { prompt, negativePrompt, width, height } = request;
  if (`${prompt}\n${negativePrompt}`.includes(SETTINGS_MARK))
    throw new EngineError('invalid-request', `the prompt must not contain ${SETTINGS_MARK}; leave it out`);
  return {
    ...{ model, prompt, n: 1, size: `${width}x${height}` },
    ...(takesFormat && { response_format: 'b64_json' }),
    ...IMAGE_SERVER_TRAITS[server].extend(request),
  };
}
