import type { ControlToken } from './literal-text.ts';

/** Makes tokens of a text. */
export interface PromptVocabulary {
  readonly bos: number;
  readonly eos: number;
  readonly addBos: boolean;
  /** The token's own name in the vocabulary, e.g. `<s>`. */
  textOf(token: number): string;
  /** All tokens that are not text. */
  readonly controlTokens: readonly ControlToken[];
  /** @param options.parseSpecial reads the names of control tokens as these tokens. */
  tokenize(text: string, options: { addSpecial: boolean; parseSpecial: boolean }): Uint32Array;
}
