import { type FloatTensor, type GgufDraft, layerOf, shapeOf, withShape } from './gguf-draft.ts';

/** Leaves layers out and closes the gaps. @throws RangeError where a layer does not exist or none remains. */
export function skipLayers(draft: GgufDraft, layers: readonly number[]): GgufDraft {
  const count = shapeOf(draft, 'block_count');
  const kept = Array.from({ length: count }, (_, layer) => layer).filter((layer) => !layers.includes(layer));
  if (layers.some((layer) => layer < 0 || layer >= count) || kept.length === 0) {
    throw new RangeError(`layers ${layers.join(', ')} cannot be left out of ${count}`);
  }
  const tensors = draft.tensors.flatMap((tensor) => {
    const place = layerOf(tensor.name);
    if (place === undefined) return [tensor];
    const layer = kept.indexOf(place.layer);
    return layer < 0 ? [] : [{ ...tensor, name: `blk.${layer}.${place.part}` }];
  });
  return withShape({ ...draft, tensors }, 'block_count', kept.length);
}

/**
 * Adds layers behind the last one that change nothing: copies of it whose outputs are zero. The model says the same, and costs what
 * its size costs.
 * @param count layers in all. @throws RangeError where the model has as many.
 */
export function deepen(draft: GgufDraft, count: number): GgufDraft {
  const before = shapeOf(draft, 'block_count');
  if (!(count > before)) throw new RangeError(`a model of ${before} layers is not deepened to ${count}`);
  const last = draft.tensors.filter(({ name }) => layerOf(name)?.layer === before - 1);
  const added = Array.from({ length: count - before }, (_, i) =>
    last.map((tensor): FloatTensor => {
      const part = layerOf(tensor.name)?.part as string;
      const isOutput = part === 'attn_output.weight' || part === 'ffn_down.weight';
      const read = isOutput ? () => new Float32Array(tensor.read().length) : tensor.read;
      return { ...tensor, name: `blk.${before + i}.${part}`, read };
    }),
  );
  return withShape({ ...draft, tensors: [...draft.tensors, ...added.flat()] }, 'block_count', count);
}

/** @throws RangeError where a pair names a layer that does not exist. */
export function shareLayers(draft: GgufDraft, pairs: readonly { from: number; to: number }[]): GgufDraft {
  const byName = new Map(draft.tensors.map((tensor) => [tensor.name, tensor]));
  const tensors = draft.tensors.map((tensor) => {
    const place = layerOf(tensor.name);
    const pair = pairs.find(({ to }) => to === place?.layer);
    if (place === undefined || pair === undefined) return tensor;
    const source = byName.get(`blk.${pair.from}.${place.part}`);
    if (source === undefined) throw new RangeError(`there is no layer ${pair.from}`);
    return { ...tensor, read: source.read };
  });
  return { ...draft, tensors };
}

/**
 * Keeps the channels of each feed-forward block whose three vectors have the largest product of norms, as magnitude pruning
 * does. @throws RangeError if more channels are requested than exist.
 */
export function narrowFeedForward(draft: GgufDraft, channels: number): GgufDraft {
  const width = shapeOf(draft, 'feed_forward_length');
  if (channels < 1 || channels > width) throw new RangeError(`${channels} channels of ${width}`);
  const byName = new Map(draft.tensors.map((tensor) => [tensor.name, tensor]));
  const keptOf = new Map<number, readonly number[]>();
  const kept = (layer: number): readonly number[] => {
    const found = keptOf.get(layer) ?? chooseChannels(byName, layer, { width, channels });
    keptOf.set(layer, found);
    return found;
  };
  const tensors = draft.tensors.map((tensor): FloatTensor => {
    const place = layerOf(tensor.name);
    if (place === undefined) return tensor;
    const { layer, part } = place;
    if (part === 'ffn_gate.weight' || part === 'ffn_up.weight') {
      const [input = 0] = tensor.dimensions;
      return {
        ...tensor,
        dimensions: [input, channels],
        read: () => pickRows(tensor.read(), input, kept(layer)),
      };
    }
    if (part === 'ffn_down.weight') {
      const [, output = 0] = tensor.dimensions;
      return {
        ...tensor,
        dimensions: [channels, output],
        read: () => pickColumns(tensor.read(), width, kept(layer)),
      };
    }
    return tensor;
  });
  return withShape({ ...draft, tensors }, 'feed_forward_length', channels);
}

/**
 * Adds channels to each feed-forward block that change nothing: their vectors repeat others, and their outputs are zero. The model says
 * the same, and costs what its size costs.
 * @throws RangeError if the blocks have as many channels.
 */
export function widenFeedForward(draft: GgufDraft, channels: number): GgufDraft {
  const width = shapeOf(draft, 'feed_forward_length');
  if (!(channels > width)) throw new RangeError(`${width} channels are not widened to ${channels}`);
  const tensors = draft.tensors.map((tensor): FloatTensor => {
    const part = layerOf(tensor.name)?.part;
    const [input = 0, output = 0] = tensor.dimensions;
    if (part === 'ffn_gate.weight' || part === 'ffn_up.weight')
      return { ...tensor, dimensions: [input, channels], read: () => repeatValues(tensor.read(), input * channels) };
    if (part === 'ffn_down.weight')
      return { ...tensor, dimensions: [channels, output], read: () => padColumns(tensor.read(), width, channels) };
    return tensor;
  });
  return withShape({ ...draft, tensors }, 'feed_forward_length', channels);
}

function repeatValues(values: Float32Array, length: number): Float32Array {
  const out = new Float32Array(length);
  for (let at = 0; at < length; at += values.length) out.set(values.subarray(0, length - at), at);
  return out;
}

function padColumns(values: Float32Array, width: number, columns: number): Float32Array {
  const rows = values.length / width;
  const out = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) out.set(values.subarray(row * width, (row + 1) * width), row * columns);
  return out;
}

function chooseChannels(
  byName: ReadonlyMap<string, FloatTensor>,
  layer: number,
  { width, channels }: { width: number; channels: number },
): number[] {
  const read = (part: string): Float32Array => (byName.get(`blk.${layer}.${part}.weight`) as FloatTensor).read();
  const gate = read('ffn_gate');
  const up = read('ffn_up');
  const down = read('ffn_down');
  const input = gate.length / width;
  const strength = Array.from({ length: width }, (_, channel) => {
    let [g, u, d] = [0, 0, 0];
    for (let i = 0; i < input; i++) {
      g += (gate[channel * input + i] as number) ** 2;
      u += (up[channel * input + i] as number) ** 2;
      d += (down[i * width + channel] as number) ** 2;
    }
    return g * u * d;
  });
  const order = strength.map((_, channel) => channel);
  order.sort((a, b) => (strength[b] as number) - (strength[a] as number) || a - b);
  return order.slice(0, channels).sort((a, b) => a - b);
}

function pickRows(values: Float32Array, length: number, rows: readonly number[]): Float32Array {
  const out = new Float32Array(rows.length * length);
  rows.forEach((row, i) => {
    out.set(values.subarray(row * length, (row + 1) * length), i * length);
  });
  return out;
}

function pickColumns(values: Float32Array, width: number, columns: readonly number[]): Float32Array {
  const rows = values.length / width;
  const out = new Float32Array(rows * columns.length);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns.length; i++) {
      out[row * columns.length + i] = values[row * width + (columns[i] as number)] as number;
    }
  }
  return out;
}
