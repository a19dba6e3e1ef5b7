import {
  type ArchitectureRecipe,
  attention,
  attentionBiases,
  bias,
  commonKeys,
  EMBEDDING,
  EXPERTS,
  expertKeys,
  experts,
  FEED_FORWARD,
  floats,
  HEADS,
  inLayers,
  norm,
  ownHead,
  u32,
  WINDOW,
} from './recipe.ts';

/** Every other layer has a window; each head may attend to nothing, by the weight of a sink. */
export const gptOss: ArchitectureRecipe = {
  name: 'gpt-oss',
  architecture: 'gpt-oss',
  features: ['own head', 'sliding window', 'attention sinks', 'biases', 'experts'],
  keys: { ...commonKeys(2), ...expertKeys, 'attention.sliding_window': u32(WINDOW) },
  tensors: [
    ...ownHead,
    ...inLayers(2, (block) => [
      ...attention(block),
      ...attentionBiases(block),
      bias(`${block}attn_output`, EMBEDDING),
      floats(`${block}attn_sinks.weight`, [HEADS], -1, 1),
      norm(`${block}post_attention_norm`),
      ...experts(block),
      bias(`${block}ffn_gate_inp`, EXPERTS),
      bias(`${block}ffn_gate_exps`, FEED_FORWARD, EXPERTS),
      bias(`${block}ffn_up_exps`, FEED_FORWARD, EXPERTS),
      bias(`${block}ffn_down_exps`, EMBEDDING, EXPERTS),
    ]),
  ],
};
