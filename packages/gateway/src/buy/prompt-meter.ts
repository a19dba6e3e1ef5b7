/** The prompt of one checked reply. */
export interface MeteredPrompt {
  readonly model: string;
  /** Hex. */
  readonly providerId: string;
  /** Size of the request's body. */
  readonly requestBytes: number;
  /** Tokens that the provider bills. */
  readonly promptTokens: number;
}

export interface PromptMeter {
  /**
   * Remembers a prompt, and compares it with prompts of similar size that other providers of the model have billed.
   * @returns true if it bills many more tokens than they usually do for its size.
   */
  isOdd(prompt: MeteredPrompt): boolean;
}

const MODELS = 256;
const PROMPTS_PER_MODEL = 128;
/** Prompts and providers without which nothing is compared. */
const LEAST = { prompts: 4, providers: 2 } as const;
/** Two requests are of similar size if neither is more than so many times as large. */
const SIMILAR = 2;
/** Texts differ in tokens per byte. So many times the median of the others is odd. */
const FACTOR = 2;
const MORE_TOKENS = 32;

/**
 * Creates a meter of billed prompts. No receipt shows the number of a prompt's tokens without the model's tokenizer. An audit does,
 * so the gateway asks for one if the number is odd.
 */
export function createPromptMeter(): PromptMeter {
  const byModel = new Map<string, MeteredPrompt[]>();
  return {
    isOdd(prompt) {
      const { model, providerId, requestBytes, promptTokens } = prompt;
      const known = byModel.get(model) ?? [];
      byModel.delete(model);
      if (byModel.size >= MODELS) byModel.delete(byModel.keys().next().value as string);
      byModel.set(model, [...known.slice(1 - PROMPTS_PER_MODEL), prompt]);
      const similar = known.filter(
        (one) =>
          one.providerId !== providerId &&
          one.requestBytes <= SIMILAR * requestBytes &&
          requestBytes <= SIMILAR * one.requestBytes,
      );
      const providers = new Set(similar.map((one) => one.providerId));
      if (similar.length < LEAST.prompts || providers.size < LEAST.providers) return false;
      const densities = similar.map((one) => one.promptTokens / one.requestBytes).sort((a, b) => a - b);
      const usual = densities[Math.floor(densities.length / 2)] as number;
      return promptTokens > FACTOR * usual * requestBytes + MORE_TOKENS;
    },
  };
}
