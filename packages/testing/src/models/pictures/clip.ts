import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats, oneNode, type PictureComponent, TOKENS, writeJson } from './recipe.ts';
import { encodeIds, LETTERS, type TextShape } from './text-encoder.ts';

export const CLIP_VOCABULARY: readonly string[] = [
  ...['!', ...LETTERS, ...LETTERS.map((letter) => `${letter}</w>`), '!</w>', 're', 'red</w>', 'ci', 'bl'],
  ...['<|startoftext|>', '<|endoftext|>'],
];
const MERGES = ['#version: 0.2', 'r e', 're d</w>', 'c i', 'b l', ''];

/** Writes the files of a tokenizer of CLIP as they stand beside many models: without `tokenizer.json`. */
export function writeClipTokenizer(folder: string, padding: string): void {
  writeJson(join(folder, 'vocab.json'), Object.fromEntries(CLIP_VOCABULARY.map((token, id) => [token, id])));
  writeFileSync(join(folder, 'merges.txt'), MERGES.join('\n'));
  const special = { bos_token: '<|startoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>' };
  writeJson(join(folder, 'special_tokens_map.json'), { ...special, pad_token: padding });
  writeJson(join(folder, 'tokenizer_config.json'), {
    ...{ ...special, pad_token: padding, tokenizer_class: 'CLIPTokenizer', model_max_length: TOKENS },
  });
}

const clipShape = (width: number): TextShape => ({ width, tokens: TOKENS, vocabulary: CLIP_VOCABULARY.length });
const textConfig = ({ width, tokens, vocabulary }: TextShape, type: string): object => ({
  ...{ model_type: type, hidden_size: width, vocab_size: vocabulary, max_position_embeddings: tokens },
  num_hidden_layers: 2,
});

/** An encoder of CLIP. @param pooled output of one vector of the whole prompt. */
export function createClip(width: number, pooled: 'pooler_output' | 'text_embeds'): PictureComponent {
  const shape = clipShape(width);
  return {
    config: textConfig(shape, pooled === 'text_embeds' ? 'clip_text_model_with_projection' : 'clip_text_model'),
    network: (draw) => {
      const { inputs, nodes, weights } = encodeIds(draw, shape);
      const states = ['last_hidden_state', 'hidden_states.0', 'hidden_states.1'];
      return {
        inputs,
        outputs: [...states.map((name) => floats(name, 'batch', 'tokens', width)), floats(pooled, 'batch', width)],
        nodes: [
          ...nodes,
          oneNode('ReduceMean', ['last_hidden_state'], 'mean', { axes: [1], keepdims: 0 }),
          oneNode('MatMul', ['mean', 'projection'], pooled),
        ],
        weights: { ...weights, projection: draw(width, width) },
      };
    },
  };
}
