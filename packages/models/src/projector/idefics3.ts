import { type DescribedEncoder, MOST_INPUT_SIDE, MOST_PATCHES, type ProjectorFamily } from './family.ts';
import {
  addBlocks,
  addLinear,
  addNorm,
  addPatches,
  assertRowSize,
  type Build,
  readActivation,
  readColours,
  readEncoderShape,
  readOutputSize,
} from './transformer.ts';

const LONGEST = 'clip.vision.preproc_image_size';
/** Tiles along the longer side of a picture, if the file does not say its length: the number of Idefics3 and SmolVLM. */
const USUAL_TILES = 4;

/** Idefics3 and SmolVLM: a vision transformer over each tile. Squares of patches become one row. */
export const idefics3: ProjectorFamily = {
  type: 'idefics3',
  describe(file, graph): DescribedEncoder {
    const build: Build = { file, graph };
    const shape = readEncoderShape(file);
    const { width, patch, epsilon } = shape;
    const side = file.count('clip.vision.image_size', MOST_INPUT_SIDE);
    const factor = file.count('clip.vision.projector.scale_factor', 64, 2);
    const [grid, patches] = [Math.floor(side / patch), Math.floor(side / patch) ** 2];
    if (patches < 1 || patches > MOST_PATCHES || grid % factor !== 0)
      file.refuse(`${grid}x${grid} patches do not become squares of ${factor}x${factor}`);
    const pixels = graph.input({ name: 'pixel_values', type: 'float32', shape: ['batch', 'images', 3, side, side] });

    let states = addPatches(build, graph.reshape(pixels, [1, 3, side, side]), { width, patch, needsBias: true });
    const places = file.take('v.position_embd.weight', [patches, width]);
    states = graph.node('Add', [states, graph.weight(places)]);
    const activation = readActivation(file, 'gelu_pytorch_tanh');
    states = addBlocks(build, states, { shape, count: shape.blocks, activation });
    states = addNorm(build, states, { name: 'v.post_ln', width, epsilon });
    const across = grid / factor;
    states = graph.transpose(graph.reshape(states, [across, factor, across, factor * width]), [0, 2, 1, 3]);
    const merged = factor ** 2 * width;
    const size = readOutputSize(file, 'mm.model.fc');
    assertRowSize(file, size);
    states = addLinear(build, graph.reshape(states, [across ** 2, merged]), {
      ...{ name: 'mm.model.fc', from: merged, to: size, needsBias: false },
    });
    return {
      config: { model_type: 'idefics3', scale_factor: factor, vision_config: { image_size: side, patch_size: patch } },
      preprocessor: {
        ...{ do_resize: true, resample: 1, do_image_splitting: true, max_image_size: { longest_edge: side } },
        ...{ size: { longest_edge: file.count(LONGEST, 1 << 14, USUAL_TILES * side) }, ...readColours(file) },
      },
      network: graph.encode(states, size),
    };
  },
};
