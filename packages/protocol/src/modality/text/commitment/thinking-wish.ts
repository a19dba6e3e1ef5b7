import { type Codec, oneOf, struct } from '../../../base/codec.ts';

/** The thinking settings of a request. A chat template reads them (docs/spec/request.md, "Thinking"). */
export interface ThinkingWish {
  readonly wanted: 'unsaid' | 'yes' | 'no';
  readonly effort: 'unsaid' | 'low' | 'medium' | 'high';
}

export const NO_WISH: ThinkingWish = { wanted: 'unsaid', effort: 'unsaid' };

export const thinkingCodec: Codec<ThinkingWish> = struct({
  wanted: oneOf(['unsaid', 'yes', 'no'] as const),
  effort: oneOf(['unsaid', 'low', 'medium', 'high'] as const),
});
