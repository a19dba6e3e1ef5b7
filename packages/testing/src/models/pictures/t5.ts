import { join } from 'node:path';
import { floats, type PictureComponent, writeJson } from './recipe.ts';
import { encodeIds, LETTERS } from './text-encoder.ts';

const T5_TOKENS = 10;
const T5_WORDS = ['a', 'red', 'blue', 'circle', 'square'];
/** Pieces of a vocabulary of T5 with their scores: the end of a text, unknown text, words, and letters. */
const T5_PIECES: readonly (readonly [string, number])[] = [
  ...[['<pad>', 0] as const, ['</s>', 0] as const, ['<unk>', 0] as const, ['▁', -4] as const],
  ...T5_WORDS.map((word) => [`▁${word}`, -2] as const),
  ...LETTERS.map((letter) => [letter, -6] as const),
];

/** Writes a tokenizer of T5: the likeliest pieces of a text, and a token for its end. */
export function writeT5Tokenizer(folder: string): void {
  const names = ['<pad>', '</s>', '<unk>'];
  writeJson(join(folder, 'tokenizer.json'), {
    ...{ version: '1.0', truncation: null, padding: null, normalizer: null },
    added_tokens: names.map((content, id) => ({
      ...{ id, content, special: true, normalized: false, single_word: false, lstrip: false, rstrip: false },
    })),
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
      special_tokens: { '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] } },
    },
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
    model: { type: 'Unigram', unk_id: 2, vocab: T5_PIECES, byte_fallback: false },
  });
  writeJson(join(folder, 'tokenizer_config.json'), {
    ...{ tokenizer_class: 'T5Tokenizer', model_max_length: T5_TOKENS, pad_token: '<pad>' },
    ...{ eos_token: '</s>', unk_token: '<unk>' },
  });
}

/** An encoder of T5: it has no vector of the whole prompt. */
export function createT5(width: number): PictureComponent {
  const shape = { width, tokens: T5_TOKENS, vocabulary: T5_PIECES.length };
  return {
    config: { model_type: 't5', d_model: width, vocab_size: shape.vocabulary, num_layers: 2 },
    network: (draw) => ({
      ...encodeIds(draw, shape),
      outputs: [floats('last_hidden_state', 'batch', 'tokens', width)],
    }),
  };
}
