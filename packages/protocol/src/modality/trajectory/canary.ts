import { utf8Encode } from '../../base/bytes.ts';
import type { CanaryForm } from '../modality.ts';
import { RequestError } from '../shared/request-error.ts';
import { countUnits, MAX_PIXELS } from './picture-size.ts';
import { boundUnits, parsePictureRequest } from './request.ts';

/** Fields that are copied from a request. They say how much work the picture is, and reveal nothing that the consumer wrote. */
const TAKEN_FIELDS = [
  ...['model', 'prompt', 'negative_prompt', 'n', 'size', 'width', 'height', 'steps', 'num_inference_steps'],
  ...['guidance', 'guidance_scale', 'cfg_scale', 'guidance_start', 'guidance_end', 'guidance_momentum'],
  ...['sampler', 'response_format'],
];
const FEWEST_STEPS = 2;
const MOST_STEPS = 8;
/** The most units that a test may bill. A test without a size has at most these. */
const MOST_UNITS = countUnits({ width: MAX_PIXELS, height: 1 }, MOST_STEPS);

/** Pictures from a prompt that test providers. */
export const TRAJECTORY_CANARY: CanaryForm = {
  endpoints: ['image'],
  copy(given, write) {
    const { prompt, negative_prompt: negative } = given;
    if (typeof prompt !== 'string' || !Object.keys(given).every((key) => TAKEN_FIELDS.includes(key))) return undefined;
    const made = {
      ...given,
      prompt: write(prompt),
      ...(typeof negative === 'string' && { negative_prompt: write(negative) }),
    };
    return isCheap(made) ? made : undefined;
  },
  // Without a size the model makes its own one, so no model refuses the test for its size.
  compose: (cut, random) => ({
    endpoint: 'image',
    fields: {
      prompt: cut(20 + Math.floor(random() * 100)),
      steps: FEWEST_STEPS + Math.floor(random() * (MOST_STEPS - FEWEST_STEPS + 1)),
    },
  }),
  isAnswer: ({ data }) => Array.isArray(data) && data.length > 0,
};

function isCheap(fields: object): boolean {
  try {
    const request = parsePictureRequest(utf8Encode(JSON.stringify(fields)));
    return boundUnits(request) * request.choices <= MOST_UNITS;
  } catch (error) {
    if (error instanceof RequestError) return false;
    throw error;
  }
}
