import { floats, oneNode, type PictureComponent, SCALE } from './recipe.ts';

/** A decoder of latents to pixels, four times as large. */
export const createDecoder = (channels: number): PictureComponent => ({
  config: { latent_channels: channels, scaling_factor: 0.5, block_out_channels: [8, 8, 8] },
  network: (draw) => ({
    inputs: [floats('latent_sample', 'batch', channels, 'height', 'width')],
    outputs: [floats('sample', 'batch', 3, 'height', 'width')],
    nodes: [
      {
        ...oneNode('ConvTranspose', ['latent_sample', 'spread'], 'planes'),
        attributes: { kernel_shape: [SCALE, SCALE], strides: [SCALE, SCALE] },
      },
      oneNode('Tanh', ['planes'], 'sample'),
    ],
    weights: { spread: draw(channels, 3, SCALE, SCALE) },
  }),
});

/** An encoder of pixels to means and log-variances of a latent. */
export const createEncoder = (channels: number): PictureComponent => ({
  config: { latent_channels: channels, scaling_factor: 0.5, block_out_channels: [8, 8, 8] },
  network: (draw) => ({
    inputs: [floats('sample', 'batch', 3, 'height', 'width')],
    outputs: [floats('latent_parameters', 'batch', 2 * channels, 'height', 'width')],
    nodes: [
      {
        ...oneNode('Conv', ['sample', 'gather'], 'latent_parameters'),
        attributes: { kernel_shape: [SCALE, SCALE], strides: [SCALE, SCALE] },
      },
    ],
    weights: { gather: draw(2 * channels, 3, SCALE, SCALE) },
  }),
});
