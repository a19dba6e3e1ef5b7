import { readGgufHeader } from '@ogong/models/gguf/read';
import { GgufError, type GgufValue, numberOf, stringOf } from '@ogong/models/gguf/types';
import { type GgufTensorSource, writeGguf } from '@ogong/models/gguf/write';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';

const F32 = 0;

/**
 * Writes a LoRA adapter with random weights for the attention of a model, for tests. Equal arguments give equal bytes.
 * @param strength how far the adapted weights are from the model's: 0 changes nothing.
 */
export function writeRandomAdapter(
  target: string,
  { model, seed, strength, rank = 4 }: { model: string; seed: number; strength: number; rank?: number },
): void {
  const { metadata, tensors } = readGgufHeader(model);
  const architecture = stringOf(metadata, 'general.architecture');
  if (architecture === undefined) throw new GgufError(`${model} names no architecture`);
  const random = createSeededRandom(seed);
  const matrix = (name: string, dimensions: readonly number[], scale: number): GgufTensorSource => {
    const values = Float32Array.from(
      { length: dimensions.reduce((a, b) => a * b, 1) },
      () => (random() * 2 - 1) * scale,
    );
    return { name, dimensions, type: F32, read: () => [new Uint8Array(values.buffer)] };
  };
  const adapted = tensors.filter(({ name }) => /\.attn_(q|v|output)\.weight$/.test(name));
  const layers = numberOf(metadata, `${architecture}.block_count`) ?? 0;
  if (adapted.length !== 3 * layers) throw new GgufError(`${model} has ${adapted.length} tensors of attention`);
  const text = (value: string): GgufValue => ({ type: 'string', value });
  writeGguf(target, {
    metadata: new Map<string, GgufValue>([
      ['general.type', text('adapter')],
      ['general.architecture', text(architecture)],
      ['general.name', text(`random-${seed}`)],
      ['adapter.type', text('lora')],
      ['adapter.lora.alpha', { type: 'f32', value: rank }],
    ]),
    tensors: adapted.flatMap(({ name, dimensions: [width = 0, height = 0] }) => [
      matrix(`${name}.lora_a`, [width, rank], 1),
      matrix(`${name}.lora_b`, [rank, height], strength),
    ]),
  });
}
