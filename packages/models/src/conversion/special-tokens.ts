import type { GgufValue } from '../gguf/types.ts';
import { ModelError } from '../model-error.ts';

/** Sources of a model's special tokens, the most important one first. */
export interface SpecialSources {
  /** Content of `tokenizer_config.json`. */
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  /** Content of `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** `post_processor` of `tokenizer.json`. */
  readonly postProcessor: unknown;
  /** Ids by text. */
  readonly ids: ReadonlyMap<string, number>;
}

/** Names of GGUF by those of transformers. */
const KINDS = { bos: 'bos', eos: 'eos', unk: 'unknown', pad: 'padding' } as const;
type SpecialKind = keyof typeof KINDS;

/**
 * Makes the metadata of special tokens, and of those that each prompt begins or ends with.
 * @param path of tokenizer.json, for errors.
 * @throws ModelError `corrupt` for a token that does not exist, `not-convertible` for another frame around prompts.
 */
export function readSpecialTokens(sources: SpecialSources, path: string): readonly (readonly [string, GgufValue])[] {
  const { tokenizerConfig } = sources;
  const found = new Map<SpecialKind, number>();
  for (const kind of Object.keys(KINDS) as SpecialKind[]) {
    const id = findSpecial(sources, kind, path);
    if (id !== undefined) found.set(kind, id);
  }
  if (!found.has('eos'))
    throw new ModelError('corrupt', `${path}: no file of the model names the token that ends a text`);
  const frame = readFrame(sources, found, path);
  const isAdded = (kind: 'bos' | 'eos'): boolean => {
    const stated = tokenizerConfig[`add_${kind}_token`];
    const isAdded = typeof stated === 'boolean' ? stated : frame[kind];
    if (isAdded && !found.has(kind))
      throw new ModelError('corrupt', `${path}: prompts get a ${kind} token, and no file names it`);
    return isAdded;
  };
  return [
    ...[...found].map(([kind, value]): [string, GgufValue] => [
      `tokenizer.ggml.${KINDS[kind]}_token_id`,
      { type: 'u32', value },
    ]),
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: isAdded('bos') }],
    ['tokenizer.ggml.add_eos_token', { type: 'bool', value: isAdded('eos') }],
  ];
}

/** @returns undefined if no file names the token. */
function findSpecial(
  { tokenizerConfig, config, ids }: SpecialSources,
  kind: SpecialKind,
  path: string,
): number | undefined {
  const token = tokenizerConfig[`${kind}_token`];
  const text = typeof token === 'object' && token !== null ? (token as { content?: unknown }).content : token;
  if (typeof text === 'string') {
    const id = ids.get(text);
    if (id === undefined)
      throw new ModelError('corrupt', `${path} has no token for the ${kind} token of tokenizer_config.json`);
    return id;
  }
  const stated = config[`${kind}_token_id`];
  const id = Array.isArray(stated) ? (stated[0] as unknown) : stated;
  // Some configurations say -1 for a token that the model does not have.
  if (id === undefined || id === null || id === -1) return undefined;
  if (![...ids.values()].includes(id as number))
    throw new ModelError('corrupt', `${path} has no token for the ${kind}_token_id of config.json`);
  return id as number;
}

/** Tokens around each prompt. */
interface PromptFrame {
  readonly bos: boolean;
  readonly eos: boolean;
}

/** Reads the tokens that a post-processor puts around a text. */
function readFrame(
  { postProcessor, ids }: SpecialSources,
  found: ReadonlyMap<SpecialKind, number>,
  path: string,
): PromptFrame {
  const refuse = (): never => {
    throw new ModelError('not-convertible', `${path} puts other tokens around a text than its first and its last one`);
  };
  const steps = listSteps(postProcessor).filter(({ type }) => type !== 'ByteLevel');
  const [step] = steps;
  if (step === undefined) return { bos: false, eos: false };
  if (steps.length > 1 || step.type !== 'TemplateProcessing' || !Array.isArray(step.single)) return refuse();
  const parts = (step.single as readonly Readonly<Record<string, { id?: unknown } | undefined>>[]).map((part) =>
    part?.Sequence === undefined ? ids.get(String(part?.SpecialToken?.id)) : 'text',
  );
  const at = parts.indexOf('text');
  const [before, after] = [parts.slice(0, at), parts.slice(at + 1)];
  const isOnly = (list: readonly unknown[], kind: 'bos' | 'eos'): boolean =>
    list.length === 0 || (list.length === 1 && list[0] !== undefined && list[0] === found.get(kind));
  if (at < 0 || !isOnly(before, 'bos') || !isOnly(after, 'eos')) return refuse();
  return { bos: before.length === 1, eos: after.length === 1 };
}

function listSteps(step: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (typeof step !== 'object' || step === null) return [];
  const fields = step as Readonly<Record<string, unknown>>;
  return fields.type === 'Sequence' && Array.isArray(fields.processors)
    ? fields.processors.slice(0, 8).flatMap((each: unknown) => listSteps(each))
    : [fields];
}
