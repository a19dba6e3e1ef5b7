import { ModelError } from '../model-error.ts';

const WORDS_AND_DIGITS = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

/** One step that cuts text before merges: a split by a pattern, single digits, or the bytes of each piece, also cut by GPT-2's pattern. */
type CutStep = `split ${string}` | 'digits' | 'bytes' | 'bytes of words';

/**
 * Names that llama.cpp gives to ways to cut text, by their steps. A wrong name changes tokens without an error, so other ways are refused.
 * Whole words of the vocabulary need no merges where `ignoresMerges` is set.
 */
const KNOWN: readonly { readonly steps: readonly CutStep[]; readonly ignoresMerges: boolean; readonly name: string }[] =
  [
    { steps: [`split ${WORDS_AND_DIGITS('\\p{N}{1,3}')}`, 'bytes'], ignoresMerges: true, name: 'llama-bpe' },
    { steps: [`split ${WORDS_AND_DIGITS('\\p{N}{1,3}')}`, 'bytes'], ignoresMerges: false, name: 'smaug-bpe' },
    { steps: [`split ${WORDS_AND_DIGITS('\\p{N}')}`, 'bytes'], ignoresMerges: false, name: 'qwen2' },
    { steps: ['digits', 'bytes of words'], ignoresMerges: false, name: 'smollm' },
    { steps: ['bytes of words'], ignoresMerges: false, name: 'gpt-2' },
  ];

/**
 * Finds llama.cpp's name of the way in which a tokenizer cuts text.
 * @param step `pre_tokenizer` of tokenizer.json. @param path of that file, for errors.
 * @throws ModelError('not-convertible') for an unknown way.
 */
export function findPreTokenizer(
  step: unknown,
  { ignoresMerges, path }: { readonly ignoresMerges: boolean; readonly path: string },
): string {
  const steps = listSteps(step);
  const known = KNOWN.find(
    (each) => each.ignoresMerges === ignoresMerges && each.steps.join('\n') === steps?.join('\n'),
  );
  if (known !== undefined) return known.name;
  const shown = (JSON.stringify(step ?? null) ?? '').slice(0, 200);
  throw new ModelError(
    'not-convertible',
    `${path} cuts text in a way that this converter does not know${ignoresMerges ? ' together with ignore_merges' : ''}: ${shown}. ` +
      'Take a GGUF file of the model from its maker',
  );
}

/** @returns undefined for a step of another kind. */
function listSteps(step: unknown): readonly CutStep[] | undefined {
  if (typeof step !== 'object' || step === null) return undefined;
  const { type, ...fields } = step as Readonly<Record<string, unknown>>;
  switch (type) {
    case 'Sequence': {
      const inner = Array.isArray(fields.pretokenizers) ? fields.pretokenizers : [];
      const steps = inner.slice(0, 8).map((each: unknown) => listSteps(each));
      return steps.every((each) => each !== undefined) ? steps.flat() : undefined;
    }
    case 'Split': {
      const pattern = (fields.pattern as { readonly Regex?: unknown } | undefined)?.Regex;
      const isPlain = fields.behavior === 'Isolated' && fields.invert !== true;
      return typeof pattern === 'string' && isPlain ? [`split ${pattern}`] : undefined;
    }
    case 'Digits':
      return fields.individual_digits === true ? ['digits'] : undefined;
    case 'ByteLevel':
      if (fields.add_prefix_space !== false) return undefined;
      return fields.use_regex === false ? ['bytes'] : ['bytes of words'];
    default:
      return undefined;
  }
}
