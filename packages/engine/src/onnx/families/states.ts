import type { TextEncoderPlan, TextStates, ValueTensor } from './family.ts';

type Config = Readonly<Record<string, unknown>>;

const tensorOf = (data: Float32Array, dims: readonly number[]): ValueTensor => ({ type: 'float32', data, dims });

/** Joins tensors along their last dimension; all others are equal. @returns f32[..., sum of widths]. */
export function joinWidths(parts: readonly ValueTensor[]): ValueTensor {
  const widths = parts.map(({ dims }) => dims.at(-1) ?? 0);
  const width = widths.reduce((sum, each) => sum + each, 0);
  const [first] = parts as readonly [ValueTensor];
  const rows = first.data.length / (widths[0] ?? 1);
  const data = new Float32Array(rows * width);
  let offset = 0;
  for (const [i, part] of parts.entries()) {
    const own = widths[i] as number;
    for (let row = 0; row < rows; row++) data.set(part.data.subarray(row * own, (row + 1) * own), row * width + offset);
    offset += own;
  }
  return tensorOf(data, [...first.dims.slice(0, -1), width]);
}

/** Adds columns of zeros. @returns f32[..., width]. @throws RangeError if the tensor is wider. */
export function padWidth(tensor: ValueTensor, width: number): ValueTensor {
  const own = tensor.dims.at(-1) ?? 0;
  if (own > width) throw new RangeError(`states of width ${own} do not fit into ${width}`);
  const rows = tensor.data.length / own;
  const data = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) data.set(tensor.data.subarray(row * own, (row + 1) * own), row * width);
  return tensorOf(data, [...tensor.dims.slice(0, -1), width]);
}

/** Puts states of tokens one after another; their widths are equal. @returns f32[1, sum of tokens, width]. */
export function joinRows(parts: readonly ValueTensor[]): ValueTensor {
  const width = parts[0]?.dims.at(-1) ?? 0;
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let offset = 0;
  for (const part of parts) {
    data.set(part.data, offset);
    offset += part.data.length;
  }
  return tensorOf(data, [1, data.length / width, width]);
}

/** Takes the states of the only encoder. */
export const takeFirst = (states: readonly TextStates[]): TextStates => states[0] as TextStates;

/** Joins states of tokens, and the vectors of those encoders that compute one, both by their widths. */
export function joinStates(states: readonly TextStates[]): TextStates {
  const pooled = states.map((each) => each.pooled).filter((each) => each !== undefined);
  return {
    hidden: joinWidths(states.map(({ hidden }) => hidden)),
    pooled: pooled.length === 0 ? undefined : joinWidths(pooled),
  };
}

/** Returns states of the same form, all zero. */
export const zeroStates = ({ hidden, pooled }: TextStates): TextStates => ({
  hidden: tensorOf(new Float32Array(hidden.data.length), hidden.dims),
  pooled: pooled && tensorOf(new Float32Array(pooled.data.length), pooled.dims),
});

/** Names the output before the last layer. Exports number the states of layers from that of the words. */
export const beforeLastLayer = ({ num_hidden_layers: layers }: Config): string =>
  `hidden_states.${typeof layers === 'number' ? layers - 1 : '?'}`;

/** The one encoder of models of the form of Stable Diffusion 1. */
export const ONE_ENCODER: TextEncoderPlan = {
  ...{ encoder: 'text_encoder', tokenizer: 'tokenizer', masksPadding: true, pooled: [] },
  hidden: () => 'last_hidden_state',
};
