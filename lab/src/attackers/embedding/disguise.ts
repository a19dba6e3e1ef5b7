import type { EmbeddedInput, EmbeddingEngine } from '@ogong/engine/interface/embedding';

/** One way to cheat with embeddings: a provider that sells `sold` and computes something else. */
export interface EmbeddingAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** Id of the check that fails when the verifier runs the provider's exact class. */
  readonly caughtBy: string;
  /** @param cheap the model that some attacks compute with instead. */
  create(sold: EmbeddingEngine, cheap: EmbeddingEngine): EmbeddingEngine;
}

/** An engine that poses as `sold` and answers with the result of `embed`. */
export function disguiseEmbedding(
  sold: EmbeddingEngine,
  embed: (inputs: readonly string[], query?: string) => Promise<readonly EmbeddedInput[]>,
): EmbeddingEngine {
  return {
    ...sold,
    async embed({ inputs, query }) {
      const { numericClass, exact } = sold.info();
      const texts = inputs.filter((input) => typeof input === 'string');
      return { inputs: await embed(texts, query), numericClass, exact, elapsedMs: 0 };
    },
  };
}
