import { type FieldRefusal, type FieldRules, isFalse, isTrue, isZero } from '../shared/field-rules.ts';

/** The keys of requests for pictures (docs/spec/trajectory.md), and those of other servers that would change the picture. */

const PIXELS: FieldRefusal = {
  refused: 'pictures come as PNG; leave it out',
  unless: (value) => value === 'png',
};
const CONTROL: FieldRefusal = { refused: 'no model with control pictures is served' };
const RANGE: FieldRefusal = { refused: 'a picture is changed in one order' };
const SOURCE: FieldRefusal = { refused: 'send a picture to change to POST /v1/images/edits' };

export const PICTURE_FIELDS: FieldRules = {
  model: 'works',
  ogong: 'works',
  prompt: 'works',
  n: 'works',
  size: 'works',
  width: 'works',
  height: 'works',
  seed: 'works',
  steps: 'works',
  num_inference_steps: 'works',
  guidance: 'works',
  guidance_scale: 'works',
  cfg_scale: 'works',
  guidance_start: 'works',
  guidance_end: 'works',
  guidance_momentum: 'works',
  negative_prompt: 'works',
  sampler: 'works',
  response_format: 'works',
  stream: 'works',
  partial_images: 'works',
  first_step: 'works',
  last_step: 'works',
  latent: 'works',

  user: 'ignored',
  metadata: 'ignored',
  safety_identifier: 'ignored',
  service_tier: 'ignored',

  output_format: PIXELS,
  output_compression: { refused: 'PNG loses nothing; leave it out', unless: (value) => value === 100 },
  background: { refused: 'pictures have no transparency', unless: (value) => value === 'auto' || value === 'opaque' },
  quality: { dropped: 'steps and size decide', unless: (value) => value === 'auto' },
  style: 'dropped',
  moderation: {
    refused: 'no picture is moderated here; leave it out',
    unless: (value) => value === 'auto' || value === 'low',
  },
  image: SOURCE,
  images: SOURCE,
  mask: SOURCE,
  strength: SOURCE,
  control_image: CONTROL,
  lora: { refused: 'pictures are made without adapters' },
  loras: { refused: 'pictures are made without adapters' },
  eta: { refused: 'the samplers add no noise on their way', unless: isZero },
  clip_skip: { refused: 'the text encoder runs whole', unless: isZero },
  enable_safety_checker: { refused: 'no filter changes the picture', unless: isFalse },
  prompt_extend: { refused: 'the prompt is read as it is', unless: isFalse },
  enhance_prompt: { refused: 'the prompt is read as it is', unless: isFalse },
  sync_mode: { refused: 'the picture comes in the answer', unless: isTrue },
};

const SOURCE_FIELDS: FieldRules = {
  ...PICTURE_FIELDS,
  image: 'works',
  images: 'works',
  strength: 'works',
  first_step: RANGE,
  last_step: RANGE,
  latent: RANGE,
  input_fidelity: { dropped: 'strength decides' },
};

export const EDIT_FIELDS: FieldRules = { ...SOURCE_FIELDS, mask: 'works' };

export const VARIATION_FIELDS: FieldRules = {
  ...SOURCE_FIELDS,
  prompt: { refused: 'a variation has no prompt; send it to POST /v1/images/edits' },
  mask: { refused: 'a variation has no mask; send it to POST /v1/images/edits' },
};

/** Fields of a form that are no text in JSON. */
export const PICTURE_FORM_FIELDS = {
  numbers: [
    ...['n', 'width', 'height', 'seed', 'steps', 'num_inference_steps', 'guidance', 'guidance_scale', 'cfg_scale'],
    ...['strength', 'partial_images', 'output_compression', 'first_step', 'last_step'],
    ...['guidance_start', 'guidance_end', 'guidance_momentum'],
  ],
  booleans: ['stream'],
  json: ['ogong'],
} as const;

export const TRAJECTORY_API_FIELDS: Readonly<Record<string, Readonly<Record<string, FieldRules>>>> = {
  Pictures: {
    'POST /v1/images/generations': PICTURE_FIELDS,
    'POST /v1/images/edits': EDIT_FIELDS,
    'POST /v1/images/variations': VARIATION_FIELDS,
  },
};
