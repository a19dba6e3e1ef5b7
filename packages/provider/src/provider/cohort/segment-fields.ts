import { amountForm, escrowAmount, integer, text } from '@ogong/host/config/values';

/** Slabs that a provider serves together with others. */
export const segmentFields = {
  segment: {
    schema: text,
    label: '<slab>',
    env: 'OGONG_PROVIDER_SEGMENT',
    repeatable: true,
    description:
      'slab of a model to serve together with other providers: a file of ogong model split, with manifest.slabs beside it. The provider of the last slab leads: it chooses the others, offers the model and takes its orders (docs/segments.md)',
  },
  segmentModelId: {
    schema: text,
    label: '<id>',
    env: 'OGONG_PROVIDER_SEGMENT_MODEL_ID',
    repeatable: true,
    description: 'id of the whole model, as consumers order it; one for all segments, or one for each',
  },
  segmentPrice: {
    schema: escrowAmount,
    env: 'OGONG_PROVIDER_SEGMENT_PRICE',
    repeatable: true,
    description: `price of these layers per 1,000 tokens of prompt and reply, ${amountForm}; one for all segments, or one for each. The model costs the sum of its segments`,
  },
  uplink: {
    schema: integer({ min: 1, max: 0xffffffff }),
    label: '<Mbit/s>',
    env: 'OGONG_PROVIDER_UPLINK',
    default: '100',
    description: 'megabits per second that this machine sends; leaders choose by it',
  },
} as const;
