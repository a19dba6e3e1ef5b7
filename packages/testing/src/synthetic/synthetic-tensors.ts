import { utf8Encode } from '@ogong/protocol/base/bytes';
import { type Blinds, computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { Opening } from '@ogong/protocol/commitment/opening';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { TensorHeader } from '@ogong/protocol/modality/tensor/header';
import type { TensorReport } from '@ogong/protocol/modality/tensor/report';
import { parseTensorRequest, type TensorRequest } from '@ogong/protocol/modality/tensor/request';
import { bindRequest, hashSignature, type ModelSignature, OPEN_SIZE } from '@ogong/protocol/modality/tensor/signature';
import { encodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { getTier } from '@ogong/protocol/tier/registry';
import { composeTensors } from '@ogong/provider/modality/tensor/compose-tensors';

/** Tensors without a model: values follow from a few constants. */
export interface SyntheticTensors {
  readonly body: Uint8Array;
  readonly request: TensorRequest;
  readonly header: TensorHeader;
  readonly outputs: readonly Tensor[];
  readonly opening: Opening;
  readonly record: { readonly tokenCount: number; readonly responseHash: Uint8Array };
  readonly response: Uint8Array;
  /** The report of an honest verifier in the same class. */
  readonly report: TensorReport;
}

export interface SyntheticTensorOptions {
  readonly crypto: Crypto;
  readonly numericClass?: string;
  /** Relative error of every float. */
  readonly error?: number;
  readonly tier?: string;
  readonly outputs?: readonly Tensor[];
  /** The body that the reply answers. Default: SYNTHETIC_INPUTS for a made-up model. */
  readonly body?: Uint8Array;
  /** Blinds of the answered request. Default: those of a made-up reply. */
  readonly blinds?: Blinds;
  /** Header fields that order and beacon decide. Default: made up. */
  readonly fixed?: Pick<TensorHeader, 'orderHash' | 'sketchBankSeed' | 'payee'>;
}

export const SYNTHETIC_INPUTS = { x: [[0.5, -1.5, 3]], name: { dtype: 'string', shape: [], data: ['caf\u00e9'] } };
export const SYNTHETIC_SIGNATURE: ModelSignature = {
  inputs: [
    { name: 'x', dtype: 'float32', sizes: [OPEN_SIZE, 3] },
    { name: 'name', dtype: 'string', sizes: [] },
  ],
  outputs: [
    { name: 'scores', dtype: 'float32', sizes: [OPEN_SIZE, 4] },
    { name: 'ids', dtype: 'int64', sizes: [2] },
    { name: 'labels', dtype: 'string', sizes: [2] },
    { name: 'wide', dtype: 'float64', sizes: [OPEN_SIZE] },
  ],
};
const EXACT_CLASS = 'fake-1/js/f64/exact/hash/kv-none';
const REPLY_ID = new Uint8Array(16).fill(3);
/** Values of an output that fills more than one leaf. */
const WIDE = 5_000;

const make = (name: string, dtype: Tensor['dtype'], shape: readonly number[], values: readonly never[]): Tensor => ({
  ...{ name, dtype, shape, data: encodeTensorData(dtype, values) },
});

function makeOutputs(error: number): readonly Tensor[] {
  const scale = 1 + error;
  const scores = [0.25, -2, 8, 0].map((value) => value * scale + 0);
  const wide = Array.from({ length: WIDE }, (_, i) => Math.sqrt(i) * scale);
  return [
    make('scores', 'float32', [1, 4], scores as never[]),
    make('ids', 'int64', [2], [-1n, 2n ** 60n] as never[]),
    make('labels', 'string', [2], ['', 'caf\u00e9'] as never[]),
    make('wide', 'float64', [WIDE], wide as never[]),
  ];
}

export function createSyntheticTensors(options: SyntheticTensorOptions): SyntheticTensors {
  const { crypto, error = 0, numericClass = EXACT_CLASS, tier = 'verified', fixed } = options;
  const { body = utf8Encode(JSON.stringify({ model: 'ogong/verified/test/m', inputs: SYNTHETIC_INPUTS })) } = options;
  const { blinds = computeBlinds(crypto, { body, replyId: REPLY_ID }), outputs = makeOutputs(error) } = options;
  const request = parseTensorRequest(body);
  const { inputs } = bindRequest({ inputs: request.inputs, outputs: [] }, SYNTHETIC_SIGNATURE);
  const vocabularyHash = hashSignature(crypto, SYNTHETIC_SIGNATURE);
  const { header, opening, response } = composeTensors(crypto, {
    orderHash: fixed?.orderHash ?? new Uint8Array(32).fill(6),
    ...{ endpoint: 'infer', tier, method: getTier(tier).method, choice: 0 },
    payee: fixed?.payee ?? new Uint8Array(20).fill(6),
    sketchBankSeed: fixed?.sketchBankSeed ?? new Uint8Array(32).fill(9),
    ...{ blinds, info: { numericClass, vocabularyHash }, units: request.promptTokenBound, inputs, outputs },
  });
  return {
    ...{ body, request, header, outputs, opening, response },
    record: { tokenCount: header.leafCount, responseHash: hashResponse(crypto, blinds.answer, response) },
    report: {
      jobId: new Uint8Array(16).fill(1),
      modelRoot: new Uint8Array(32).fill(2),
      ...{ numericClass, exact: numericClass === EXACT_CLASS, vocabularyHash },
      promptTokensHash: header.promptTokensHash,
      elapsedMs: 3,
      outputs: response,
    },
  };
}
