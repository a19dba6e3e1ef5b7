import type { EncoderGraph, GraphValue } from './encoder-graph.ts';
import type { DescribedEncoder, ProjectorFamily } from './family.ts';
import type { ProjectorFile } from './projector-file.ts';
import {
  addActivation,
  addBlocks,
  addLinear,
  addNorm,
  assertRowSize,
  type Build,
  type EncoderShape,
  type Rotation,
  readActivation,
  readColours,
  readEncoderShape,
  readOutputSize,
} from './transformer.ts';

/** Frames that a patch spans: one tensor of the file for each. */
const FRAMES = 2;
const THETA = 10_000;
const MOST_PIXELS = 1 << 28;

/** Joins the matrices of the frames to one: f32[width, 3 * frames * patch * patch]. */
function addPatches({ file, graph }: Build, pixels: GraphValue, { width, patch }: EncoderShape): GraphValue {
  const frames = ['v.patch_embd.weight', 'v.patch_embd.weight.1'].map((name) =>
    graph.reshape(graph.weight(file.take(name, [width, 3, patch, patch])), [width, 3, 1, patch * patch]),
  );
  const joined = graph.reshape(graph.node('Concat', frames, { axis: 2 }), [width, 3 * FRAMES * patch * patch]);
  return graph.node('Gemm', [pixels, joined], { transB: 1 });
}

/** Computes angles f32[patches, head / 2]: by the row of a patch, then by its column. Patches of one square stand side by side. */
function addAngles(
  graph: EncoderGraph,
  sizes: GraphValue,
  { head, merge }: { readonly head: number; readonly merge: number },
) {
  const [lines, columns] = [1, 2].map((at) =>
    graph.node('Slice', [sizes, graph.integers(at), graph.integers(at + 1), graph.integers(0)]),
  );
  const side = graph.integers(merge);
  const squares = [lines, columns].flatMap((size) => [graph.node('Div', [size as GraphValue, side]), side]);
  const blocked = graph.node('Concat', squares, { axis: 0 });
  const grid = graph.node('Concat', [lines as GraphValue, columns as GraphValue], { axis: 0 });
  const frequencies = graph.floats(
    Array.from({ length: head / 4 }, (_, index) => 1 / THETA ** ((4 * index) / head)),
    [1, head / 4],
  );
  const angles = [lines, columns].map((size, axis) => {
    const places = graph.node('Range', [
      graph.integer(0),
      graph.node('Squeeze', [size as GraphValue]),
      graph.integer(1),
    ]);
    const spread = graph.node('Expand', [graph.reshape(places, axis === 0 ? [-1, 1] : [1, -1]), grid]);
    const ordered = graph.reshape(graph.transpose(graph.reshape(spread, blocked), [0, 2, 1, 3]), [-1, 1]);
    return graph.node('Mul', [graph.node('Cast', [ordered], { to: 1 }), frequencies]);
  });
  return graph.node('Concat', angles, { axis: 1 });
}

/** Turns both halves of each head by the angles of its patch. */
function createRotation(graph: EncoderGraph, angles: GraphValue, head: number): Rotation {
  const twice = graph.reshape(graph.node('Concat', [angles, angles], { axis: 1 }), [-1, 1, head]);
  const [cosine, sine] = ['Cos', 'Sin'].map((operator) => graph.node(operator, [twice])) as [GraphValue, GraphValue];
  return (heads) => {
    const [first, second] = graph.split(heads, 2, 2) as [GraphValue, GraphValue];
    const turned = graph.node('Concat', [graph.node('Neg', [second]), first], { axis: 2 });
    return graph.node('Add', [graph.node('Mul', [heads, cosine]), graph.node('Mul', [turned, sine])]);
  };
}

const readLimits = (file: ProjectorFile): object => {
  const read = (key: string): number => file.count(key, MOST_PIXELS);
  const keys = { min_pixels: 'clip.vision.image_min_pixels', max_pixels: 'clip.vision.image_max_pixels' };
  return Object.fromEntries(
    Object.entries(keys).flatMap(([field, key]) => (file.hasKey(key) ? [[field, read(key)]] : [])),
  );
};

/** Qwen2-VL: a vision transformer over patches with places in two dimensions. Squares of patches become one row. */
export const qwen2Vl: ProjectorFamily = {
  type: 'qwen2vl_merger',
  describe(file, graph): DescribedEncoder {
    const build: Build = { file, graph };
    const shape = readEncoderShape(file);
    const { width, heads, patch, epsilon } = shape;
    const head = width / heads;
    if (head % 4 !== 0) file.refuse(`a head has ${head} values, not a multiple of 4`);
    const merge = file.count('clip.vision.spatial_merge_size', 8, 2);
    const pixels = graph.input({
      ...{ name: 'pixel_values', type: 'float32', shape: ['patches', 3 * FRAMES * patch ** 2] },
    });
    const grid = graph.input({ name: 'image_grid_thw', type: 'int64', shape: ['images', 3] });

    const angles = addAngles(graph, graph.reshape(grid, [3]), { head, merge });
    const rotate = createRotation(graph, angles, head);
    const activation = readActivation(file, 'gelu');
    let states = addPatches(build, pixels, shape);
    states = addBlocks(build, states, { shape, count: shape.blocks, activation, rotate });
    states = addNorm(build, states, { name: 'v.post_ln', width, epsilon });
    const merged = merge ** 2 * width;
    const middle = readOutputSize(file, 'mm.0');
    const size = readOutputSize(file, 'mm.2');
    assertRowSize(file, size);
    states = addLinear(build, graph.reshape(states, [-1, merged]), { name: 'mm.0', from: merged, to: middle });
    states = addLinear(build, addActivation(graph, states, 'gelu'), { name: 'mm.2', from: middle, to: size });
    return {
      config: { model_type: 'qwen2_vl' },
      preprocessor: {
        ...{ do_resize: true, resample: 3, patch_size: patch, merge_size: merge, temporal_patch_size: FRAMES },
        ...readLimits(file),
        ...readColours(file),
      },
      network: graph.encode(states, size),
    };
  },
};
