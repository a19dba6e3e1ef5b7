import { PROJECTOR_SIZES, type ProjectorWeight, type RandomProjector } from './random-projector.ts';

type Matrix = readonly (readonly number[])[];
type Weights = ReadonlyMap<string, ProjectorWeight>;

const { width, heads, blocks, patch, merge, epsilon } = PROJECTOR_SIZES;

function find(weights: Weights, name: string): ProjectorWeight {
  const weight = weights.get(name);
  if (weight === undefined) throw new Error(`no weight ${name}`);
  return weight;
}

const rowsOf = ({ shape: [rows = 0], data }: ProjectorWeight): Matrix =>
  Array.from({ length: rows }, (_, row) => [
    ...data.subarray((row * data.length) / rows, ((row + 1) * data.length) / rows),
  ]);

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] as number), 0);

function linear(weights: Weights, name: string, states: Matrix): Matrix {
  const matrix = rowsOf(find(weights, `${name}.weight`));
  const bias = weights.get(`${name}.bias`)?.data;
  return states.map((state) => matrix.map((row, index) => dot(row, state) + (bias?.[index] ?? 0)));
}

function normalise(weights: Weights, name: string, states: Matrix): Matrix {
  const [scale, bias] = ['weight', 'bias'].map((part) => find(weights, `${name}.${part}`).data) as [
    Float32Array,
    Float32Array,
  ];
  return states.map((state) => {
    const mean = state.reduce((a, b) => a + b, 0) / state.length;
    const variance = state.reduce((sum, value) => sum + (value - mean) ** 2, 0) / state.length;
    return state.map(
      (value, index) =>
        ((value - mean) / Math.sqrt(variance + epsilon)) * (scale[index] as number) + (bias[index] as number),
    );
  });
}

const add = (a: Matrix, b: Matrix): Matrix =>
  a.map((row, index) => row.map((value, column) => value + ((b[index] as readonly number[])[column] as number)));

/** The error function by its series, which is exact enough below 6. */
function erf(value: number): number {
  if (Math.abs(value) > 5) return Math.sign(value);
  let [term, sum] = [value, value];
  for (let n = 1; n < 120; n++) {
    term *= -(value * value) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
const gelu = (value: number): number => (value / 2) * (1 + erf(value / Math.SQRT2));
const tanhGelu = (value: number): number =>
  (value / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (value + 0.044715 * value ** 3)));
const quickGelu = (value: number): number => value / (1 + Math.exp(-1.702 * value));
const bend = (states: Matrix, activation: (value: number) => number): Matrix =>
  states.map((state) => state.map(activation));

type Turn = (values: readonly number[], place: number) => readonly number[];

function attend([queries, keys, values]: readonly [Matrix, Matrix, Matrix], turn: Turn): Matrix {
  const head = width / heads;
  return queries.map((query, place) =>
    Array.from({ length: heads }, (_, index) => {
      const part = (row: readonly number[]): readonly number[] => row.slice(index * head, (index + 1) * head);
      const asked = turn(part(query), place);
      const scores = keys.map((key, other) => dot(asked, turn(part(key), other)) / Math.sqrt(head));
      const most = Math.max(...scores);
      const shares = scores.map((score) => Math.exp(score - most));
      const sum = shares.reduce((a, b) => a + b, 0);
      return Array.from(
        { length: head },
        (_, column) =>
          dot(
            shares,
            values.map((row) => part(row)[column] as number),
          ) / sum,
      );
    }).flat(),
  );
}

function runClip(weights: Weights, states: Matrix, activation: (value: number) => number): Matrix {
  let current = states;
  for (let index = 0; index < blocks; index++) {
    const block = `vision_model.encoder.layers.${index}`;
    const normed = normalise(weights, `${block}.layer_norm1`, current);
    const parts = ['q', 'k', 'v'].map((part) => linear(weights, `${block}.self_attn.${part}_proj`, normed));
    const mixed = attend(parts as [Matrix, Matrix, Matrix], (values) => values);
    current = add(current, linear(weights, `${block}.self_attn.out_proj`, mixed));
    const wide = linear(weights, `${block}.mlp.fc1`, normalise(weights, `${block}.layer_norm2`, current));
    current = add(current, linear(weights, `${block}.mlp.fc2`, bend(wide, activation)));
  }
  return current;
}

/** Cuts planes of a square picture into patches, row by row. */
function embedPatches(weights: Weights, pixels: Float32Array, side: number): Matrix {
  const name = 'vision_model.embeddings.patch_embedding';
  const kernels = rowsOf(find(weights, `${name}.weight`));
  const bias = weights.get(`${name}.bias`)?.data;
  const grid = Math.floor(side / patch);
  return Array.from({ length: grid ** 2 }, (_, place) => {
    const [top, left] = [Math.floor(place / grid) * patch, (place % grid) * patch];
    const values = Array.from({ length: 3 * patch ** 2 }, (_, index) => {
      const [channel, y, x] = [Math.floor(index / patch ** 2), Math.floor(index / patch) % patch, index % patch];
      return pixels[channel * side ** 2 + (top + y) * side + left + x] as number;
    });
    return kernels.map((kernel, index) => dot(kernel, values) + (bias?.[index] ?? 0));
  });
}

const placesOf = (weights: Weights): Matrix =>
  rowsOf(find(weights, 'vision_model.embeddings.position_embedding.weight'));

function runLlava(weights: Weights, pixels: Float32Array): Matrix {
  const first = [...find(weights, 'vision_model.embeddings.class_embedding').data];
  const patches = embedPatches(weights, pixels, PROJECTOR_SIZES.sides.llava);
  const placed = add([first, ...patches], placesOf(weights));
  const states = runClip(weights, normalise(weights, 'vision_model.pre_layrnorm', placed), quickGelu);
  const middle = bend(linear(weights, 'multi_modal_projector.linear_1', states.slice(1)), gelu);
  return linear(weights, 'multi_modal_projector.linear_2', middle);
}

function runIdefics3(weights: Weights, pixels: Float32Array): Matrix {
  const side = PROJECTOR_SIZES.sides.idefics3;
  const placed = add(embedPatches(weights, pixels, side), placesOf(weights));
  const states = normalise(weights, 'vision_model.post_layernorm', runClip(weights, placed, tanhGelu));
  const grid = Math.floor(side / patch);
  const across = grid / merge;
  const merged = Array.from({ length: across ** 2 }, (_, place) => {
    const [top, left] = [Math.floor(place / across) * merge, (place % across) * merge];
    return Array.from(
      { length: merge ** 2 },
      (_, inner) => states[(top + Math.floor(inner / merge)) * grid + left + (inner % merge)] as readonly number[],
    ).flat();
  });
  return linear(weights, 'connector.modality_projection.proj', merged);
}

/** Rows and columns of patches whose squares stand side by side. */
function listPlaces(lines: number, columns: number): readonly (readonly [number, number])[] {
  const places: (readonly [number, number])[] = [];
  for (let top = 0; top < lines; top += merge) {
    for (let left = 0; left < columns; left += merge) {
      for (let inner = 0; inner < merge ** 2; inner++)
        places.push([top + Math.floor(inner / merge), left + (inner % merge)]);
    }
  }
  return places;
}

function runQwen2Vl(weights: Weights, pixels: Float32Array, grid: readonly number[]): Matrix {
  const places = listPlaces(grid[1] as number, grid[2] as number);
  const head = width / heads;
  const turn: Turn = (values, at) => {
    const half = head / 2;
    return values.map((value, index) => {
      const which = index % half;
      const place = (places[at] as readonly number[])[which < half / 2 ? 0 : 1] as number;
      const angle = place / 10_000 ** ((2 * (which % (half / 2))) / half);
      const other = index < half ? -(values[index + half] as number) : (values[index - half] as number);
      return value * Math.cos(angle) + other * Math.sin(angle);
    });
  };
  const patches = rowsOf({ shape: [places.length], data: pixels });
  const kernels = rowsOf(find(weights, 'visual.patch_embed.proj.weight'));
  let states: Matrix = patches.map((values) => kernels.map((kernel) => dot(kernel, values)));
  for (let index = 0; index < blocks; index++) {
    const block = `visual.blocks.${index}`;
    const joined = linear(weights, `${block}.attn.qkv`, normalise(weights, `${block}.norm1`, states));
    const cut = (part: number): Matrix => joined.map((row) => row.slice(part * width, (part + 1) * width));
    states = add(states, linear(weights, `${block}.attn.proj`, attend([cut(0), cut(1), cut(2)], turn)));
    const wide = linear(weights, `${block}.mlp.fc1`, normalise(weights, `${block}.norm2`, states));
    states = add(states, linear(weights, `${block}.mlp.fc2`, bend(wide, quickGelu)));
  }
  const normed = normalise(weights, 'visual.merger.ln_q', states);
  const merged = Array.from({ length: normed.length / merge ** 2 }, (_, row) =>
    normed.slice(row * merge ** 2, (row + 1) * merge ** 2).flat(),
  );
  const middle = bend(linear(weights, 'visual.merger.mlp.0', merged), gelu);
  return linear(weights, 'visual.merger.mlp.2', middle);
}

/**
 * Computes the rows of one run from the weights of transformers, in f64. It shares no code with the network of a projector.
 * @param grid frames, lines and columns of patches; read for Qwen2-VL alone.
 */
export function computeProjectorRows(
  kind: RandomProjector,
  weights: Weights,
  { pixels, grid = [] }: { readonly pixels: Float32Array; readonly grid?: readonly number[] },
): readonly number[] {
  const run = { llava: runLlava, idefics3: runIdefics3, qwen2_vl: runQwen2Vl }[kind];
  return run(weights, pixels, grid).flat();
}
