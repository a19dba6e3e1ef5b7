import type { LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import type { QuantName } from '@ogong/engine/llama-cpp/quantize';

/** How a forged model is made from the f32 weights of the sold one. Equal recipes give equal bytes. */
export type WeightRecipe =
  | { readonly quant: QuantName }
  /** Each weight times 1 + amount * g, with g of mean 0 and variance 1. */
  | ({ readonly forge: 'noise'; readonly amount: number; readonly seed: number } & Quantised)
  /** Leaves out the given layers. */
  | ({ readonly forge: 'skip-layers'; readonly layers: readonly number[] } & Quantised)
  /** Each layer `to` computes with the weights of `from`, so that memory holds them once. */
  | ({ readonly forge: 'share-layers'; readonly pairs: readonly { from: number; to: number }[] } & Quantised)
  /** Keeps the strongest `channels` of every feed-forward block. */
  | ({ readonly forge: 'narrow-ffn'; readonly channels: number } & Quantised)
  /** A student with fewer layers, fitted to the teacher's hidden states on texts that the teacher writes. */
  | ({ readonly forge: 'distil'; readonly skipped: readonly number[]; readonly texts: number } & Quantised)
  /** The same model with heads widened by zeros, for features that need head sizes that are multiples of 32. */
  | ({ readonly forge: 'pad-heads'; readonly headSize: number } & Quantised)
  /** A low-rank change of `amount` times each matrix's own Frobenius norm: a fine-tune (all matrices) or a merged adapter. */
  | ({
      readonly forge: 'low-rank';
      readonly amount: number;
      readonly rank: number;
      readonly matrices: 'all' | 'attention';
      readonly seed: number;
    } & Quantised);

interface Quantised {
  /** Default: the sold weight type, so that nothing else differs. */
  readonly quant?: QuantName;
}

/** The engine that a cheat decodes with instead of the sold one. Absent fields are as sold. */
export interface EngineRecipe {
  readonly weights?: WeightRecipe;
  readonly engine?: Partial<Omit<LlamaEngineOptions, 'modelPath' | 'modelRoot'>>;
}
