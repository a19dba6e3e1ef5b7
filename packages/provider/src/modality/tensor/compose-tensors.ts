import type { TensorInfo } from '@ogong/engine/interface/tensor';
import type { Blinds } from '@ogong/protocol/commitment/blinds';
import type { Opening } from '@ogong/protocol/commitment/opening';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { encodeTensorHeader, type TensorHeader } from '@ogong/protocol/modality/tensor/header';
import { encodeTensorLeaves } from '@ogong/protocol/modality/tensor/leaf';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { encodeTensorResponse, hashTensorInputs } from '@ogong/protocol/modality/tensor/tensor-list';

/** Outputs as an engine gave them, and the fields that bind them. */
export interface TensorParts
  extends Pick<TensorHeader, 'orderHash' | 'endpoint' | 'tier' | 'method' | 'choice' | 'payee' | 'sketchBankSeed'> {
  readonly blinds: Blinds;
  readonly info: Pick<TensorInfo, 'numericClass' | 'vocabularyHash'>;
  readonly units: number;
  /** In the order of the model. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** Composes the committed leaves, and the canonical bytes of the answer. */
export function composeTensors(
  crypto: Crypto,
  { blinds, info, units, inputs, outputs, ...bound }: TensorParts,
): { readonly opening: Opening; readonly header: TensorHeader; readonly response: Uint8Array } {
  const windows = encodeTensorLeaves(outputs);
  const header: TensorHeader = {
    orderHash: bound.orderHash,
    endpoint: bound.endpoint,
    ...{ tier: bound.tier, method: bound.method },
    ...{ numericClass: info.numericClass, vocabularyHash: info.vocabularyHash },
    ...{ embeddingSize: 0, sketchDirections: DEFAULT_DIRECTIONS, sketchBankSeed: bound.sketchBankSeed },
    choice: bound.choice,
    promptTokensHash: hashTensorInputs(crypto, blinds.prompt, inputs),
    ...{ promptTokenCount: units, outputTokenCount: 0 },
    leafCount: windows.length,
    outputs: outputs.map(({ data, ...form }) => ({ form, sizeBytes: data.length })),
    parts: [],
    payee: bound.payee,
  };
  return {
    opening: { blind: blinds.answer, header: encodeTensorHeader(header), windows },
    header,
    response: encodeTensorResponse(outputs),
  };
}
