/** Returns whether a part of tokenizer.json does nothing. */
export const isNothing = (part: unknown): boolean =>
  part === undefined || part === null || (typeOf(part) === 'Sequence' && listSteps(part).length === 0);

/** Returns the kind of a part of tokenizer.json, for rules and for messages. */
export const typeOf = (part: unknown): string =>
  typeof part === 'object' && part !== null ? String((part as { type?: unknown }).type).slice(0, 40) : 'none';

/** Returns the steps of a part, which may be a sequence of others. */
function listSteps(part: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (typeof part !== 'object' || part === null) return [];
  const { normalizers, decoders, ...step } = part as Readonly<Record<string, unknown>>;
  const inner = normalizers ?? decoders;
  return step.type === 'Sequence' && Array.isArray(inner)
    ? inner.slice(0, 16).flatMap((each: unknown) => listSteps(each))
    : [step];
}

const SPACE = '\u2581';

/** Returns whether text gets a space in front, and each space becomes the character of SentencePiece. */
export function marksSpaces(normalizer: unknown, preTokenizer: unknown): boolean {
  if (isNothing(normalizer)) {
    const { type, replacement, prepend_scheme, split } = (preTokenizer ?? {}) as Readonly<Record<string, unknown>>;
    return type === 'Metaspace' && replacement === SPACE && prepend_scheme === 'always' && split === false;
  }
  const [first, second, ...others] = listSteps(normalizer);
  const pattern = second?.pattern as { readonly String?: unknown } | undefined;
  return (
    isNothing(preTokenizer) &&
    others.length === 0 &&
    first?.type === 'Prepend' &&
    first.prepend === SPACE &&
    second?.type === 'Replace' &&
    second.content === SPACE &&
    pattern?.String === ' '
  );
}

/** Returns whether tokens become text in the way of SentencePiece: spaces, then bytes, without the first space. */
export const unmarksSpaces = (decoder: unknown): boolean =>
  listSteps(decoder)
    .map(({ type }) => type)
    .join() === 'Replace,ByteFallback,Fuse,Strip';
