import { nativeHash } from '@ogong/engine/decode/native-hash';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TensorEngine, TensorInfo, TensorResult, TensorRun } from '@ogong/engine/interface/tensor';
import { createRequestPort } from '@ogong/engine/process/request-port';
import { createTensorHost, type TensorModel } from '@ogong/engine/process/tensor-host';
import { MAX_REQUEST_BYTES } from '@ogong/protocol/exchange/limits';
import { hashSignature, type ModelSignature, OPEN_SIZE } from '@ogong/protocol/modality/tensor/signature';
import { decodeTensorData, encodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';

export interface FakeTensorOptions {
  /** Another number makes another model: other outputs, another root. */
  readonly weights?: number;
  /** Relative error of each float: a similar model or another precision. */
  readonly error?: number;
  /** False: an engine that declares itself inexact. */
  readonly exact?: boolean;
  readonly maxQueue?: number;
  /** Wraps the model, to inject faults. */
  readonly bend?: (model: TensorModel) => TensorModel;
}

/** `x` holds rows of values; `sum` has one float for each row, and `label` a text. */
export const FAKE_SIGNATURE: ModelSignature = {
  inputs: [{ name: 'x', dtype: 'float32', sizes: [OPEN_SIZE, OPEN_SIZE] }],
  outputs: [
    { name: 'sum', dtype: 'float32', sizes: [OPEN_SIZE] },
    { name: 'label', dtype: 'string', sizes: [OPEN_SIZE] },
  ],
};

/** A model that adds up the values of each row, behind the same host as a real one: fast, exact, with faults on request. */
export function createFakeTensorEngine(options: FakeTensorOptions = {}): TensorEngine {
  const { weights = 1, error = 0, exact = true, maxQueue = 8, bend = (model) => model } = options;
  const numericClass = `fake-1/js/f64/${exact ? 'exact' : 'fast'}/hash/kv-none`;
  const info: TensorInfo = {
    modelRoot: nativeHash.sha256(Buffer.from(`ogong-fake-tensor-${weights}`)),
    vocabularyHash: hashSignature(nativeHash, FAKE_SIGNATURE),
    signature: FAKE_SIGNATURE,
    ...{ numericClass, exact, weightType: 'hash', contextSize: MAX_REQUEST_BYTES, sequences: maxQueue },
  };
  const model = bend({
    run: async (request) => ({
      outputs: compute(request, weights * (1 + error)),
      numericClass,
      exact: exact && (request.numericClass ?? numericClass) === numericClass,
    }),
  });
  const port = createRequestPort();
  const host = createTensorHost({ model, maxQueue, send: (message) => port.receive(message) });
  let closed = false;
  return {
    specificationVersion: 'tensor-v1',
    info: () => info,
    async run(request, { signal } = {}) {
      if (closed) throw new EngineError('engine-closed', 'the engine is closed');
      const cancel = (id: number) => host.cancel(id);
      return (await port.call((id) => host.call(id, { kind: 'run', request }), { signal, cancel })) as TensorResult;
    },
    async close() {
      if (closed) return;
      closed = true;
      port.failAll(new EngineError('engine-closed', 'the engine was closed'));
      host.close();
    },
  };
}

function compute({ inputs: [x], outputs }: TensorRun, factor: number): readonly Tensor[] {
  const [rows = 0, columns = 0] = x?.shape ?? [];
  if (x === undefined || columns === 0) throw new EngineError('invalid-request', 'the rows have no values');
  const values = decodeTensorData(x) as number[];
  const sums = Array.from({ length: rows }, (_, i) =>
    values.slice(i * columns, (i + 1) * columns).reduce((sum, value) => sum + value, 0),
  );
  const made: readonly Tensor[] = [
    {
      ...{ name: 'sum', dtype: 'float32', shape: [rows] },
      data: encodeTensorData(
        'float32',
        sums.map((sum) => factor * sum),
      ),
    },
    {
      ...{ name: 'label', dtype: 'string', shape: [rows] },
      data: encodeTensorData(
        'string',
        sums.map((sum) => (factor * sum > 0 ? 'more' : 'less')),
      ),
    },
  ];
  return outputs.map((name) => made.find((tensor) => tensor.name === name) as Tensor);
}
