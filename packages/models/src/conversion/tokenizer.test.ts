import { fileURLToPath } from 'node:url';
import { createPieceTokenizer } from '@ogong/testing/models/transformers/piece-tokenizer';
import { expect, it } from 'vitest';
import { readGgufHeader } from '../gguf/read.ts';
import { convertTokenizer } from './tokenizer.ts';

const TINY = fileURLToPath(new URL('../../models/stories260K.gguf', import.meta.url));

type Json = Record<string, unknown>;
interface PieceTokenizer extends Json {
  model: Json & { vocab: Record<string, number>; merges: string[] };
}

function convert(change: (tokenizer: PieceTokenizer) => void = () => undefined, size?: number) {
  const parts = createPieceTokenizer(TINY);
  const tokenizer = structuredClone(parts.tokenizer) as PieceTokenizer;
  change(tokenizer);
  const { tokenizerConfig } = parts;
  const files = { tokenizer, tokenizerConfig, config: {}, template: undefined };
  return new Map(convertTokenizer(files, { size: size ?? parts.size, path: 'tokenizer.json' }));
}

it('keeps the order of scores, the types and the special tokens of SentencePiece', () => {
  const { metadata } = readGgufHeader(TINY);
  const found = convert(undefined, 514);
  const rank = (scores: readonly number[]): readonly number[] =>
    scores
      .map((_, id) => id)
      .slice(259)
      .sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
  const read = (map: ReadonlyMap<string, { readonly value: unknown }>, key: string) =>
    map.get(`tokenizer.ggml.${key}`)?.value as readonly number[];
  // Characters that no merge makes have scores that nobody compares.
  const made = new Set(rank(read(found, 'scores')).filter((id) => read(found, 'scores')[id] !== 0));
  expect(made.size).toBeGreaterThan(100);
  expect(rank(read(found, 'scores')).filter((id) => made.has(id))).toEqual(
    rank(read(metadata, 'scores')).filter((id) => made.has(id)),
  );
  expect(read(found, 'token_type').slice(0, 512)).toEqual(read(metadata, 'token_type'));
  expect(read(found, 'tokens').slice(510)).toEqual([...read(metadata, 'tokens').slice(510), '[PAD512]', '[PAD513]']);
  const keys = ['bos_token_id', 'eos_token_id', 'unknown_token_id', 'add_bos_token', 'add_eos_token'];
  expect(keys.map((key) => found.get(`tokenizer.ggml.${key}`)?.value)).toEqual([1, 2, 0, true, false]);
});

it.each<[string, (tokenizer: PieceTokenizer) => void, RegExp]>([
  ['a merge is missing', ({ model }) => void model.merges.pop(), /each pair that makes a token/],
  [
    'merges of a token are apart',
    ({ model }) => void model.merges.push(model.merges[0] as string),
    /order that no scores/,
  ],
  ['a byte is missing', ({ model }) => void delete model.vocab['<0x7F>'], /no token for the byte 127/],
  [
    'text is changed',
    ({ normalizer }) => void (normalizer as { normalizers: Json[] }).normalizers.push({ type: 'NFKC' }),
    /handles spaces/,
  ],
  ['text is cut', (tokenizer) => Object.assign(tokenizer, { pre_tokenizer: { type: 'Whitespace' } }), /handles spaces/],
  [
    'only the first word gets a space',
    (tokenizer) =>
      Object.assign(tokenizer, {
        normalizer: null,
        pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false },
      }),
    /handles spaces/,
  ],
  [
    'the decoder is another one',
    (tokenizer) => Object.assign(tokenizer, { decoder: { type: 'Metaspace' } }),
    /handles spaces/,
  ],
  ['an id is absurd', ({ model }) => Object.assign(model.vocab, { x: 2 ** 40 }), /model\.vocab: ids below/],
  ['merges are no list', ({ model }) => Object.assign(model, { merges: {} }), /model\.merges: at most/],
])('refuses pieces if %s', (_, change, message) => {
  expect(() => convert((tokenizer) => void change(tokenizer))).toThrow(message);
});
