/** The parts of a tokenizer of CLIP that was saved without `tokenizer.json`. */
export interface ClipTokenizerParts {
  /** Content of `vocab.json`. */
  readonly vocabulary: Readonly<Record<string, number>>;
  /** Content of `merges.txt`: one pair of tokens a line, after a line with the version. */
  readonly merges: string;
  /** Content of `tokenizer_config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
}

const BEGINNING = '<|startoftext|>';
const END = '<|endoftext|>';
/** Words, digits and signs of a text. */
const PIECES = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

/**
 * Composes the content of `tokenizer.json` of a tokenizer of CLIP: byte-pair encoding in small letters, where `</w>` ends a word.
 * @returns undefined if a special token is missing in the vocabulary.
 * Source: Radford et al., 2021 (CLIP); the tokenizer of transformers.
 */
export function composeClipTokenizer({ vocabulary, merges, config }: ClipTokenizerParts): object | undefined {
  const first = textOf(config.bos_token) ?? BEGINNING;
  const last = textOf(config.eos_token) ?? END;
  const unknown = textOf(config.unk_token) ?? END;
  const special = [...new Set([first, last, unknown, textOf(config.pad_token) ?? END])];
  if (special.some((token) => vocabulary[token] === undefined)) return undefined;
  return {
    version: '1.0',
    added_tokens: special.map((content) => ({
      ...{ id: vocabulary[content], content, special: true, normalized: false },
      ...{ single_word: false, lstrip: false, rstrip: false },
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: PIECES }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: {
      ...{ type: 'RobertaProcessing', trim_offsets: false, add_prefix_space: false },
      ...{ sep: [last, vocabulary[last]], cls: [first, vocabulary[first]] },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: unknown, continuing_subword_prefix: '', end_of_word_suffix: '</w>' },
      ...{ fuse_unk: false, byte_fallback: false, vocab: vocabulary, merges: listMerges(merges) },
    },
  };
}

/** The text of a special token: older files have an object for it. */
export function textOf(token: unknown): string | undefined {
  const text = typeof token === 'object' && token !== null ? (token as { content?: unknown }).content : token;
  return typeof text === 'string' ? text : undefined;
}

const listMerges = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !line.startsWith('#version'));
