import type { LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import type { QuantName } from '@ogong/engine/llama-cpp/quantize';

/** How a model that is not what it claims is made from the f32 weights of the one that is sold; equal recipes give equal bytes. */
export type WeightRecipe =
  | { readonly quant: QuantName }
  /** Each weight times 1 + amount * g, with g of mean 0 and variance 1. */
  | ({ readonly forge: 'noise'; readonly amount: number; readonly seed: number } & Quantised)
  /** The layers named are left out. */
  | ({ readonly forge: 'skip-layers'; readonly layers: readonly number[] } & Quantised)
  /** Each layer `to` computes with the weights of `from`, so that they need to be held only once. */
  | ({ readonly forge: 'share-layers'; readonly pairs: readonly { from: number; to: number }[] } & Quantised)
  /** Of every feed-forward block the strongest `channels` remain. */
  | ({ readonly forge: 'narrow-ffn'; readonly channels: number } & Quantised)
  /** A student of fewer layers, fitted to the teacher's hidden states on texts of its own. */
  | ({ readonly forge: 'distil'; readonly skipped: readonly number[]; readonly texts: number } & Quantised)
  /** The same model with wider heads, the new part all zeros: for what wants head sizes of a multiple of 32. */
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
  /** Default: the weight type that is sold, so that only the change itself differs. */
  readonly quant?: QuantName;
}

/** The engine that a cheat decodes with in the place of the one that it sells; what is absent is as sold. */
export interface EngineRecipe {
  readonly weights?: WeightRecipe;
  readonly engine?: Partial<Omit<LlamaEngineOptions, 'modelPath' | 'modelRoot'>>;
}
