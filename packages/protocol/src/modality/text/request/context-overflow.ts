/** A prompt that leaves no room for a reply. */
export interface ContextOverflow {
  readonly promptTokens: number;
  /** Tokens of prompt and reply together. */
  readonly contextSize: number;
}

/**
 * Words the refusal of such a prompt. Providers and engines send only a text, and its readers need the numbers: agents shorten
 * their prompts by them. So this text is a format.
 */
export const formatOverflow = ({ promptTokens, contextSize }: ContextOverflow): string =>
  `the prompt has ${promptTokens} tokens; the context holds ${contextSize}, and the reply needs at least one`;

const FORM = /the prompt has (\d{1,10}) tokens; the context holds (\d{1,10}), and the reply needs at least one/;

/** Finds the numbers in a refusal; undefined if it has another reason. */
export function parseOverflow(message: string): ContextOverflow | undefined {
  const [, promptTokens, contextSize] = FORM.exec(message) ?? [];
  return promptTokens === undefined
    ? undefined
    : { promptTokens: Number(promptTokens), contextSize: Number(contextSize) };
}
