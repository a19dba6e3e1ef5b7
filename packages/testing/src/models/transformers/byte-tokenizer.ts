const WORDS = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const MERGES = [
  ...['h e', 'Ġ t', 'Ġt he', 'i n', 'in g', 'Ġ a', 'n d', 'Ġa nd', 'Ġ Ġ', 'ĠĠ ĠĠ', '1 2', '12 3', 'Ċ Ċ', "' s"],
  ...['a t', 'e r', 'Ġ s', 'Ġs at', 'Ã ¼', 'o n'],
];

/** Words that are whole only where a tokenizer ignores merges. */
const WHOLE_WORDS = ['Ġlighthouse'];

/** The characters that stand for bytes in vocabularies of GPT-2's kind, in their order. */
function listByteCharacters(): readonly string[] {
  let shifted = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(isPrintable ? byte : 0x100 + shifted++);
  });
}

/** Tokens around the words of a test's tokenizer. */
export const TEST_SPECIALS = { begin: '<|begin|>', end: '<|end|>' } as const;

/** Ways to cut text before merges, by the family that uses it. */
const PRE_TOKENIZERS = {
  llama: [split(WORDS('\\p{N}{1,3}')), bytes(false)],
  qwen: [split(WORDS('\\p{N}')), bytes(false)],
  smol: [{ type: 'Digits', individual_digits: true }, bytes(true)],
} as const;

function split(pattern: string): object {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

function bytes(usesRegex: boolean): object {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: usesRegex };
}

/** Builds a small `tokenizer.json` that merges bytes: 256 bytes, a few merges, and two special tokens. */
export function createByteTokenizer(kind: keyof typeof PRE_TOKENIZERS): {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  /** Tokens of the whole vocabulary. */
  readonly size: number;
} {
  const words = [...listByteCharacters(), ...MERGES.map((merge) => merge.replace(' ', '')), ...WHOLE_WORDS];
  const { begin, end } = TEST_SPECIALS;
  const specials = [begin, end].map((content, i) => ({
    id: words.length + i,
    content,
    special: true,
    normalized: false,
  }));
  const frame = {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: begin, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
    special_tokens: { [begin]: { id: begin, ids: [words.length], tokens: [begin] } },
  };
  const isLlama = kind === 'llama';
  return {
    tokenizer: {
      version: '1.0',
      added_tokens: specials,
      normalizer: kind === 'qwen' ? { type: 'NFC' } : null,
      pre_tokenizer: { type: 'Sequence', pretokenizers: PRE_TOKENIZERS[kind] },
      post_processor: isLlama ? { type: 'Sequence', processors: [bytes(true), frame] } : bytes(false),
      decoder: bytes(true),
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: isLlama,
        vocab: Object.fromEntries(words.map((word, id) => [word, id])),
        merges: isLlama ? MERGES : MERGES.map((merge) => merge.split(' ')),
      },
    },
    tokenizerConfig: {
      ...(isLlama && { bos_token: begin }),
      eos_token: { content: end },
      chat_template: '{% for message in messages %}{{ message.content }}{% endfor %}',
    },
    size: words.length + specials.length,
  };
}
