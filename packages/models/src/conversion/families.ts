import type { ConversionRule, ModelFamily, ModelShape } from './model-shape.ts';

const queries = ({ heads, headSize }: ModelShape): number => heads * headSize;
const keys = ({ kvHeads, headSize }: ModelShape): number => kvHeads * headSize;

const vector = (source: string, target: string, length: (sizes: ModelShape) => number): ConversionRule => ({
  ...{ source, target, shape: (sizes) => [length(sizes)] },
});
const matrix = (
  source: string,
  target: string,
  shape: ConversionRule['shape'],
  rotates?: ConversionRule['rotates'],
): ConversionRule => ({ source, target, shape, ...(rotates !== undefined && { rotates }) });

const dense: readonly ConversionRule[] = [
  vector('input_layernorm.weight', 'attn_norm.weight', ({ embedding }) => embedding),
  matrix('self_attn.q_proj.weight', 'attn_q.weight', (sizes) => [queries(sizes), sizes.embedding], 'heads'),
  matrix('self_attn.k_proj.weight', 'attn_k.weight', (sizes) => [keys(sizes), sizes.embedding], 'kvHeads'),
  matrix('self_attn.v_proj.weight', 'attn_v.weight', (sizes) => [keys(sizes), sizes.embedding]),
  matrix('self_attn.o_proj.weight', 'attn_output.weight', (sizes) => [sizes.embedding, queries(sizes)]),
  vector('post_attention_layernorm.weight', 'ffn_norm.weight', ({ embedding }) => embedding),
  matrix('mlp.gate_proj.weight', 'ffn_gate.weight', ({ feedForward, embedding }) => [feedForward, embedding]),
  matrix('mlp.up_proj.weight', 'ffn_up.weight', ({ feedForward, embedding }) => [feedForward, embedding]),
  matrix('mlp.down_proj.weight', 'ffn_down.weight', ({ feedForward, embedding }) => [embedding, feedForward]),
];

const biases: readonly ConversionRule[] = [
  vector('self_attn.q_proj.bias', 'attn_q.bias', queries),
  vector('self_attn.k_proj.bias', 'attn_k.bias', keys),
  vector('self_attn.v_proj.bias', 'attn_v.bias', keys),
];

const headNorms: readonly ConversionRule[] = [
  vector('self_attn.q_norm.weight', 'attn_q_norm.weight', ({ headSize }) => headSize),
  vector('self_attn.k_norm.weight', 'attn_k_norm.weight', ({ headSize }) => headSize),
];

/** Families in the order of messages. */
export const FAMILIES: readonly ModelFamily[] = [
  { architecture: 'llama', pairsNeighbours: true, statesHeadSize: false, layer: dense },
  { architecture: 'qwen2', pairsNeighbours: false, statesHeadSize: false, layer: [...dense, ...biases] },
  { architecture: 'qwen3', pairsNeighbours: false, statesHeadSize: true, layer: [...dense, ...headNorms] },
];
