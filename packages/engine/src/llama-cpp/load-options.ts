import type { PictureEncoderInfo } from '../interface/vision.ts';
import type { EmbeddingContract } from '../process/embedding-messages.ts';
import type { TextContract } from '../process/text-messages.ts';
import type { Placement } from './device/placement.ts';
import type { Backend } from './library.ts';
import type { KernelPath, KvType } from './numeric-class.ts';
import type { ShapeChoice } from './pass-shapes.ts';
import type { VerifiedModel } from './verified-model.ts';

/** Facts that the parent read of the model. The child loads only unchanged files. */
interface LlamaLoad extends VerifiedModel {
  readonly modelPath: string;
  readonly isa: string;
  readonly threads: number;
  readonly contextSize: number;
  readonly maxQueue: number;
}

export interface LlamaTextLoad extends LlamaLoad, Placement {
  readonly backend: Backend;
  /** Folder of fetched builds of llama.cpp. */
  readonly engineDir: string;
  readonly sequences: number;
  /** Replies that a pass scores, if that changes no bit. */
  readonly scoresTogether: number;
  readonly kernels: KernelPath;
  readonly kvType: KvType;
  /** Type of values. Default: that of keys. */
  readonly valueType?: KvType;
  /** Rows of a pass at most. Default: BATCH_ROWS. */
  readonly batchSize?: number;
  readonly flashAttention: boolean;
  readonly kvUnified: boolean;
  readonly shapes: ShapeChoice;
  readonly drafts: number;
  /** A GGUF file of the same vocabulary that guesses them. */
  readonly draftModelPath?: string;
  /** Bytes that may be taken of the card. Default: those that are free there. */
  readonly gpuMemory?: number;
  /** Whether the weights are mapped, also under a limit of data. */
  readonly pagedWeights?: boolean;
  readonly prefixCache: boolean;
  readonly promptChunk: number;
  /** The encoder whose rows the model reads. */
  readonly pictures?: PictureEncoderInfo;
}

/**
 * `reference` passes give the same bits on every machine of the class. `plain` passes use ggml's choice of kernels, and no
 * other machine reproduces them.
 */
export type EmbeddingKernels = 'reference' | 'plain';

export interface LlamaEmbeddingLoad extends LlamaLoad {
  readonly kernels: EmbeddingKernels;
}

export type LlamaTextContract = TextContract<LlamaTextLoad>;
export type LlamaEmbeddingContract = EmbeddingContract<LlamaEmbeddingLoad>;
