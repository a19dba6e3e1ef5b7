import type { ModelSignature } from '@ogong/protocol/modality/tensor/signature';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';

/** Properties of a model that reads and returns named tensors, loaded in one engine. */
export interface TensorInfo {
  /** Root of the ONNX file and of the files of its weights (docs/spec/tensor.md), 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** hashSignature of the model, 32 bytes. */
  readonly vocabularyHash: Uint8Array;
  readonly signature: ModelSignature;
  readonly numericClass: string;
  /** True if any engine of the same class computes the same bits. */
  readonly exact: boolean;
  readonly weightType: string;
  /** The most units of a request. */
  readonly contextSize: number;
  /** Requests that wait for their turn at most. */
  readonly sequences: number;
}

export interface TensorRun {
  /** All inputs of the signature. */
  readonly inputs: readonly Tensor[];
  /** Names of the outputs to return, in this order. */
  readonly outputs: readonly string[];
  /** The claim's class, when a claim is checked. The engine reproduces it if it can, and says so in the result. */
  readonly numericClass?: string;
}

export interface TensorResult {
  /** In their committed form (canonicalTensor). */
  readonly outputs: readonly Tensor[];
  readonly numericClass: string;
  /** True if the outputs are bit-exact for the claimed class, or for the own one if none was claimed. */
  readonly exact: boolean;
  readonly elapsedMs: number;
}

/**
 * One loaded model that reads named tensors and returns others. Every implementation passes `describeTensorEngine` of
 * @ogong/testing.
 */
export interface TensorEngine {
  readonly specificationVersion: 'tensor-v1';
  info(): TensorInfo;
  /** @throws EngineError: 'invalid-request' for inputs that the model refuses, or outputs beyond the bounds of the protocol. */
  run(request: TensorRun, options?: { readonly signal?: AbortSignal }): Promise<TensorResult>;
  close(): Promise<void>;
}
