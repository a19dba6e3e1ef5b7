import { describe, expect, it } from 'vitest';
import type { TextStates, ValueTensor } from './family.ts';
import { flux, numberTokens, packLatent, unpackLatent } from './flux.ts';
import { threeEncoders, twoEncoders } from './stable-diffusion-3.ts';
import { stableDiffusionXl } from './stable-diffusion-xl.ts';
import { beforeLastLayer, joinWidths, zeroStates } from './states.ts';

const tensor = (dims: readonly number[], ...values: readonly number[]): ValueTensor => ({
  ...{ type: 'float32', data: Float32Array.from(values), dims },
});
const statesOf = (hidden: ValueTensor, pooled?: ValueTensor): TextStates => ({ hidden, pooled });

describe('states of several encoders', () => {
  it('are joined by their widths, token by token', () => {
    const joined = joinWidths([tensor([1, 2, 2], 1, 2, 3, 4), tensor([1, 2, 3], 5, 6, 7, 8, 9, 10)]);
    expect(joined).toEqual(tensor([1, 2, 5], 1, 2, 5, 6, 7, 3, 4, 8, 9, 10));
  });

  it('can be zero', () => {
    const zero = zeroStates(statesOf(tensor([1, 1, 2], 1, 2), tensor([1, 1], 3)));
    expect(zero).toEqual(statesOf(tensor([1, 1, 2], 0, 0), tensor([1, 1], 0)));
  });

  it('are taken before the last layer', () => {
    expect(beforeLastLayer({ num_hidden_layers: 12 })).toBe('hidden_states.11');
  });
});

describe('Flux', () => {
  const latent = tensor([1, 2, 2, 4], 0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17);
  const packed = [0, 1, 4, 5, 10, 11, 14, 15, 2, 3, 6, 7, 12, 13, 16, 17];

  it('packs squares of 2x2 places into tokens, channel by channel, and unpacks them', () => {
    expect(packLatent(latent)).toEqual(tensor([1, 2, 8], ...packed));
    expect(unpackLatent(Float32Array.from(packed), latent)).toEqual(latent.data);
  });

  it('reads the vector of CLIP, the states of T5, the places of all tokens, and the guidance', () => {
    const text = flux.join(
      [statesOf(tensor([1, 1, 1], 1), tensor([1, 2], 2, 3)), statesOf(tensor([1, 2, 1], 4, 5))],
      {},
    );
    const timestep = tensor([1], 0.5);
    expect(flux.feed({ latent, timestep, text, size: { width: 32, height: 16 }, guidance: 3.5 })).toEqual({
      ...{ hidden_states: tensor([1, 2, 8], ...packed), timestep, encoder_hidden_states: tensor([1, 2, 1], 4, 5) },
      ...{ pooled_projections: tensor([1, 2], 2, 3), img_ids: tensor([2, 3], 0, 0, 0, 0, 0, 1) },
      ...{ txt_ids: tensor([2, 3], 0, 0, 0, 0, 0, 0), guidance: tensor([1], 3.5) },
    });
    expect(numberTokens(tensor([1, 1, 4, 4], ...new Array(16).fill(0)))).toEqual(
      tensor([4, 3], 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 1),
    );
  });
});

describe('Stable Diffusion 3', () => {
  const clips = [
    statesOf(tensor([1, 2, 1], 1, 2), tensor([1, 1], 7)),
    statesOf(tensor([1, 2, 2], 3, 4, 5, 6), tensor([1, 2], 8, 9)),
  ];
  const pooled = tensor([1, 3], 7, 8, 9);
  const widened = [1, 3, 4, 0, 2, 5, 6, 0];

  it('reads the states of CLIP, widened with zeros, and those of T5 after them', () => {
    const t5 = statesOf(tensor([1, 1, 4], 10, 11, 12, 13));
    expect(threeEncoders.join([...clips, t5], {})).toEqual({
      ...{ hidden: tensor([1, 3, 4], ...widened, 10, 11, 12, 13), pooled },
    });
  });

  it('reads zeros in place of T5', () => {
    const zeros = [0, 0, 0, 0, 0, 0, 0, 0];
    expect(twoEncoders.join(clips, { joint_attention_dim: 4 })).toEqual({
      ...{ hidden: tensor([1, 4, 4], ...widened, ...zeros), pooled },
    });
    expect(twoEncoders.join(clips, {}).hidden.dims).toEqual([1, 4, 4_096]);
    expect(() => twoEncoders.join(clips, { joint_attention_dim: 2 })).toThrow('width 3 do not fit into 2');
  });
});

describe('Stable Diffusion XL', () => {
  const latent = tensor([1, 1, 1, 2], 1, 2);
  const timestep = tensor([1], 500);
  const size = { width: 48, height: 32 };

  it('reads the states of both encoders, the vector of the second one, and the size', () => {
    const text = stableDiffusionXl.join(
      [statesOf(tensor([1, 1, 2], 1, 2)), statesOf(tensor([1, 1, 1], 3), tensor([1, 2], 4, 5))],
      {},
    );
    expect(stableDiffusionXl.feed({ latent, timestep, text, size, guidance: 5 })).toEqual({
      ...{ sample: latent, timestep, encoder_hidden_states: tensor([1, 1, 3], 1, 2, 3) },
      text_embeds: tensor([1, 2], 4, 5),
      // Height and width before cropping, the corner of the crop, height and width.
      time_ids: tensor([1, 6], 32, 48, 0, 0, 32, 48),
    });
  });
});
