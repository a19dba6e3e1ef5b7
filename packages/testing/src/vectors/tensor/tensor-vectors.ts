import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashRequest, summarizeRequest } from '@ogong/protocol/modality/request-hash';
import { adjudicateTensors } from '@ogong/protocol/modality/tensor/adjudicate';
import { encodeTensorReport, type TensorReport } from '@ogong/protocol/modality/tensor/report';
import { parseTensorRequest } from '@ogong/protocol/modality/tensor/request';
import { hashSignature } from '@ogong/protocol/modality/tensor/signature';
import { encodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor, TensorType } from '@ogong/protocol/modality/tensor/tensor-form';
import { formatTensors } from '@ogong/protocol/modality/tensor/tensor-json';
import { encodeTensorResponse } from '@ogong/protocol/modality/tensor/tensor-list';
import { createSyntheticTensors, SYNTHETIC_SIGNATURE } from '../../synthetic/synthetic-tensors.ts';

const tensorOf = (name: string, dtype: TensorType, shape: readonly number[], values: readonly unknown[]): Tensor => ({
  ...{ name, dtype, shape, data: encodeTensorData(dtype, values as never[]) },
});

/** Outputs of every type, with the values that JSON spells as texts. */
const SHOWN: readonly Tensor[] = [
  tensorOf('f', 'float32', [2, 2], [0.1, -2.5, Number.NaN, Number.POSITIVE_INFINITY]),
  tensorOf('d', 'float64', [3], [0.1, 1e300, Number.NEGATIVE_INFINITY]),
  tensorOf('i', 'int32', [], [-7]),
  tensorOf('l', 'int64', [2], [2n ** 53n - 1n, -(2n ** 63n)]),
  tensorOf('u', 'uint8', [0], []),
  tensorOf('b', 'bool', [2], [true, false]),
  tensorOf('s', 'string', [2], ['', 'caf\u00e9']),
];

/** `vectors/tensor.json` (docs/spec/tensor.md): requests, shown values, and a reply with reports and verdicts. */
export function createTensorVectors(crypto: Crypto): unknown {
  const outputs = [tensorOf('scores', 'float32', [1, 2], [0.25, -2]), tensorOf('labels', 'string', [1], ['a'])];
  const make = (error: number) =>
    createSyntheticTensors({
      crypto,
      outputs: outputs.map((one) =>
        one.name === 'scores' ? tensorOf('scores', 'float32', [1, 2], [0.25 * (1 + error), -2]) : one,
      ),
    });
  const reply = make(0);
  const inexact = (error: number): TensorReport => ({ ...make(error).report, exact: false });
  const reports = [reply.report, make(0.5).report, inexact(0.00001), inexact(0.001), inexact(0.5)];
  return {
    requests: [
      { inputs: { x: 1 } },
      {
        inputs: {
          x: [
            [1, 2.5],
            [3, 4],
          ],
          y: 'twelve bytes',
        },
        outputs: ['b', 'a'],
        ogong: { exact: true },
      },
      { inputs: { x: { dtype: 'uint8', shape: [2], data: 'AQI=' }, y: { dtype: 'string', shape: [0], data: [] } } },
    ].map((asked) => describeRequest(crypto, asked)),
    shown: {
      answer: formatTensors({ model: 'ogong/verified/test/m' }, { tensors: SHOWN, units: 7 }),
      response: toHex(encodeTensorResponse(SHOWN)),
    },
    signature: { ...SYNTHETIC_SIGNATURE, hash: toHex(hashSignature(crypto, SYNTHETIC_SIGNATURE)) },
    reply: {
      header: toHex(reply.opening.header),
      leaves: reply.opening.windows.map(({ draws, sketch }) => ({ place: toHex(draws), values: toHex(sketch) })),
      blind: toHex(reply.opening.blind),
      response: toHex(reply.response),
      responseHash: toHex(reply.record.responseHash),
    },
    reports: reports.map((report) => ({
      report: toHex(encodeTensorReport(report)),
      outcome: adjudicateTensors(reply, report).outcome,
    })),
    labels: LABELS.map((pair) => describeLabels(crypto, pair)),
  };
}

const labelled = (label: string, scores: readonly number[]): readonly Tensor[] => [
  tensorOf('label', 'string', [1], [label]),
  tensorOf('scores', 'float32', [1, 3], scores),
];

/** Claimed outputs and those of a verifier in another class: on a tie, and beside a clear margin. */
const LABELS: readonly (readonly [readonly Tensor[], readonly Tensor[]])[] = [
  [labelled('a', [1.00003, 1, 0.5]), labelled('b', [1, 1.00003, 0.5])],
  [labelled('a', [1, 1.001, 0.5]), labelled('b', [1, 1.001, 0.5])],
  [labelled('a', [0, 0, 0]), labelled('b', [0, 0, 0])],
];

function describeLabels(crypto: Crypto, [claimed, own]: readonly [readonly Tensor[], readonly Tensor[]]): unknown {
  const reply = createSyntheticTensors({ crypto, outputs: claimed });
  const outputs = encodeTensorResponse(own);
  const { outcome } = adjudicateTensors(reply, { ...reply.report, exact: false, outputs });
  return { claimed: toHex(reply.response), own: toHex(outputs), outcome };
}

function describeRequest(crypto: Crypto, asked: object): unknown {
  const body = JSON.stringify({ model: 'ogong/verified/test/m', ...asked });
  const bytes = utf8Encode(body);
  return {
    body,
    units: parseTensorRequest(bytes).promptTokenBound,
    summary: toHex(summarizeRequest(crypto, 'infer', bytes)),
    hash: toHex(hashRequest(crypto, 'infer', bytes)),
  };
}
