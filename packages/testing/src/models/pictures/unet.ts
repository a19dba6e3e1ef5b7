import { type Condition, floats, listConditionNodes, oneNode, type PictureComponent, SIDE, shapeOf } from './recipe.ts';

/** A UNet in miniature: neighbours of a latent value, and all conditions, decide about its noise. */
export const createUnet = (channels: number, conditions: readonly Condition[], config: object): PictureComponent => ({
  config: { in_channels: channels, sample_size: SIDE, block_out_channels: [8, 8], ...config },
  network: (draw) => {
    const time = { input: floats('timestep', 'steps'), width: 1, factor: 1e-3 };
    const all = listConditionNodes([time, ...conditions], channels, draw);
    return {
      inputs: [
        floats('sample', 'batch', channels, 'height', 'width'),
        time.input,
        ...conditions.map(({ input }) => input),
      ],
      outputs: [floats('out_sample', 'batch', channels, 'height', 'width')],
      nodes: [
        {
          ...oneNode('Conv', ['sample', 'neighbours'], 'spread'),
          attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
        },
        ...all.nodes,
        oneNode('Reshape', [all.sum, 'place'], 'condition'),
        oneNode('Add', ['spread', 'condition'], 'guided'),
        oneNode('Tanh', ['guided'], 'out_sample'),
      ],
      weights: { neighbours: draw(channels, channels, 3, 3), place: shapeOf(1, channels, 1, 1), ...all.weights },
    };
  },
});

/** Scheduler of the models with a UNet. */
export const DIFFUSION = {
  ...{ _class_name: 'EulerDiscreteScheduler', num_train_timesteps: 1_000, beta_start: 0.00085, beta_end: 0.012 },
  ...{ beta_schedule: 'scaled_linear', prediction_type: 'epsilon', timestep_spacing: 'leading', steps_offset: 1 },
};
