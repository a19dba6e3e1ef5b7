import { type DescribedEncoder, MOST_INPUT_SIDE, MOST_PATCHES, type ProjectorFamily } from './family.ts';
import type { ProjectorFile } from './projector-file.ts';
import {
  addActivation,
  addBlocks,
  addLinear,
  addNorm,
  addPatches,
  type Build,
  readActivation,
  readColours,
  readEncoderShape,
  readOutputSize,
} from './transformer.ts';

const CLASS = 'v.class_embd';

/** Finds the number of blocks before the states that are projected. Files without the key hold no block after them. */
function readFeatureBlocks(file: ProjectorFile, blocks: number): number {
  const key = 'clip.vision.feature_layer';
  const [layer = blocks, ...others] = file.integers(key);
  if (others.length > 0) file.refuse(`${key} names ${others.length + 1} layers; possible is one`);
  return layer >= 1 && layer <= blocks ? layer : file.refuse(`${key} is ${layer}; possible are 1 to ${blocks}`);
}

/** LLaVA 1.6 cuts a picture into tiles, which this kind of encoder does not do. */
function assertOneTile(file: ProjectorFile): void {
  const key = 'clip.vision.image_grid_pinpoints';
  if (file.hasKey(key)) file.refuse(`${key} is for pictures in tiles (LLaVA 1.6), which are not supported`);
}

/** LLaVA 1.5 and models of its form: a vision transformer over one square picture, and two matrices. */
export const llava: ProjectorFamily = {
  type: 'mlp',
  describe(file, graph): DescribedEncoder {
    const build: Build = { file, graph };
    assertOneTile(file);
    const shape = readEncoderShape(file);
    const { width, patch, epsilon } = shape;
    const side = file.count('clip.vision.image_size', MOST_INPUT_SIDE);
    const patches = Math.floor(side / patch) ** 2;
    if (patches < 1 || patches > MOST_PATCHES) file.refuse(`a picture has ${patches} patches`);
    const pixels = graph.input({ name: 'pixel_values', type: 'float32', shape: ['images', 3, side, side] });

    let states = addPatches(build, pixels, { width, patch, needsBias: false });
    const hasClass = file.hasTensor(CLASS);
    if (hasClass) {
      const first = graph.reshape(graph.weight(file.take(CLASS, [width])), [1, width]);
      states = graph.node('Concat', [first, states], { axis: 0 });
    }
    const places = file.take('v.position_embd.weight', [hasClass ? patches + 1 : patches, width]);
    states = graph.node('Add', [states, graph.weight(places)]);
    if (file.hasTensor('v.pre_ln.weight')) states = addNorm(build, states, { name: 'v.pre_ln', width, epsilon });
    const count = readFeatureBlocks(file, shape.blocks);
    states = addBlocks(build, states, { shape, count, activation: readActivation(file, 'gelu') });
    if (hasClass)
      states = graph.node('Slice', [states, graph.integers(1), graph.integers(patches + 1), graph.integers(0)]);
    const middle = readOutputSize(file, 'mm.0');
    const size = readOutputSize(file, 'mm.2');
    states = addActivation(graph, addLinear(build, states, { name: 'mm.0', from: width, to: middle }), 'gelu');
    states = addLinear(build, states, { name: 'mm.2', from: middle, to: size });
    return {
      config: { model_type: 'llava', vision_config: { image_size: side, patch_size: patch } },
      preprocessor: {
        ...{ do_resize: true, size: { shortest_edge: side }, resample: 3 },
        ...{ do_center_crop: true, crop_size: { height: side, width: side }, ...readColours(file) },
      },
      network: graph.encode(states, size),
    };
  },
};
