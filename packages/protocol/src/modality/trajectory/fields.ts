import { type FieldRefusal, type FieldRules, isFalse, isTrue, isZero } from '../shared/field-rules.ts';

/** The keys of requests for pictures (docs/spec/trajectory.md), and those of other servers that would change the picture. */

const PIXELS: FieldRefusal = {
  refused: 'pictures come as PNG; leave it out',
  unless: (value) => value === 'png',
};
const CONTROL: FieldRefusal = { refused: 'a picture is made from its prompt and its noise alone' };

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
  negative_prompt: 'works',
  sampler: 'works',
  response_format: 'works',
  stream: 'works',
  partial_images: 'works',

  user: 'ignored',
  metadata: 'ignored',
  safety_identifier: 'ignored',
  service_tier: 'ignored',

  output_format: PIXELS,
  output_compression: { refused: 'PNG loses nothing; leave it out', unless: (value) => value === 100 },
  background: { refused: 'pictures have no transparency', unless: (value) => value === 'auto' || value === 'opaque' },
  quality: { dropped: 'steps and size decide', unless: (value) => value === 'auto' },
  style: 'dropped',
  moderation: 'dropped',
  image: CONTROL,
  mask: CONTROL,
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

export const TRAJECTORY_API_FIELDS: Readonly<Record<string, Readonly<Record<string, FieldRules>>>> = {
  Pictures: { 'POST /v1/images/generations': PICTURE_FIELDS },
};
