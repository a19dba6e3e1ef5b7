import { readGgufHeader } from '@ogong/models/gguf/read';

/**
 * Builds the `tokenizer.json` of a SentencePiece vocabulary, as the converter of transformers does: merges in the order of scores.
 * @param path GGUF file whose tokens 0 to 2 are the unknown one, the beginning and the end.
 */
export function createPieceTokenizer(path: string): {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  /** Tokens of the whole vocabulary. */
  readonly size: number;
} {
  const { metadata } = readGgufHeader(path);
  const read = (key: string) => metadata.get(`tokenizer.ggml.${key}`)?.value as readonly (string | number)[];
  const tokens = read('tokens') as readonly string[];
  const scores = read('scores') as readonly number[];
  const known = new Set(tokens);
  const isPiece = (id: number): boolean => id > 258;
  const merges = tokens
    .flatMap((text, id) =>
      [...text].slice(1).map((_, i) => {
        const [left, right] = [[...text].slice(0, i + 1).join(''), [...text].slice(i + 1).join('')];
        return { id, left, right, score: scores[id] as number };
      }),
    )
    .filter(({ id, left, right }) => isPiece(id) && known.has(left) && known.has(right))
    .sort((a, b) => b.score - a.score || a.id - b.id)
    .map(({ left, right }) => `${left} ${right}`);
  const [unknown = '', begin = '', end = ''] = tokens;
  const space = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: [unknown, begin, end].map((content, id) => ({ id, content, special: true, normalized: false })),
      normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, space] },
      pre_tokenizer: null,
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: begin, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
        special_tokens: { [begin]: { id: begin, ids: [1], tokens: [begin] } },
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
      model: {
        ...{ type: 'BPE', dropout: null, unk_token: unknown, fuse_unk: true, byte_fallback: true },
        vocab: Object.fromEntries(tokens.map((text, id) => [text, id])),
        merges,
      },
    },
    tokenizerConfig: { bos_token: begin, eos_token: end, unk_token: unknown, add_bos_token: true },
    size: tokens.length,
  };
}
