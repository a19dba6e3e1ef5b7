import type { EmbeddedInput, EmbeddingEngine } from '@ogong/engine/interface/embedding';

/** One way to cheat with embeddings: a provider that sells `sold`, and computes as it likes. */
export interface EmbeddingAttack {
  /** Kebab-case, unique. */
  readonly name: string;
  /** What the attacker hopes to gain, in a sentence. */
  readonly aim: string;
  /** Id of the check that sees it where the verifier stands in the provider's exact class. */
  readonly caughtBy: string;
  /** @param cheap what it computes with instead, where it does. */
  create(sold: EmbeddingEngine, cheap: EmbeddingEngine): EmbeddingEngine;
}

/** An engine that passes for `sold`: it says so, and answers with what `embed` makes. */
export function disguiseEmbedding(
  sold: EmbeddingEngine,
  embed: (inputs: readonly string[]) => Promise<readonly EmbeddedInput[]>,
): EmbeddingEngine {
  return {
    ...sold,
    async embed({ inputs }) {
      const { numericClass, exact } = sold.info();
      return { inputs: await embed(inputs), numericClass, exact, elapsedMs: 0 };
    },
  };
}
