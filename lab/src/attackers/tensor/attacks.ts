import { decodeTensorData, encodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { disguiseTensors, type TensorAttack } from './disguise.ts';

const anotherModel: TensorAttack = {
  name: 'tensor-another-model',
  aim: 'outputs of a smaller model for the price of the one that was asked for',
  caughtBy: 'equality',
  create: (sold, cheap) => disguiseTensors(sold, async (request) => (await cheap.run(request)).outputs),
};

/** Computes the model, and changes the text of one row: the label that somebody pays for. */
const boughtLabel: TensorAttack = {
  name: 'tensor-bought-label',
  aim: 'a label that somebody pays for, beside honest values',
  caughtBy: 'equality',
  create: (sold) => disguiseTensors(sold, async (request) => (await sold.run(request)).outputs.map(buyLabel)),
};

function buyLabel(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'string') return tensor;
  const [, ...others] = decodeTensorData(tensor);
  return { ...tensor, data: encodeTensorData('string', ['bought', ...others]) };
}

/** Computes the first row alone, and repeats its values for all others. */
const firstRow: TensorAttack = {
  name: 'tensor-first-row',
  aim: 'the fee of a pass over every row for a pass over one of them',
  caughtBy: 'equality',
  create: (sold) =>
    disguiseTensors(sold, async (request) => {
      const [x] = request.inputs as readonly [Tensor];
      const [rows = 0, columns = 0] = x.shape;
      const first = encodeTensorData(x.dtype, decodeTensorData(x).slice(0, columns));
      const { outputs } = await sold.run({ ...request, inputs: [{ ...x, shape: [1, columns], data: first }] });
      return outputs.map((output) => ({
        ...output,
        shape: [rows],
        data: encodeTensorData(
          output.dtype,
          Array.from({ length: rows }, () => decodeTensorData(output)[0] as string),
        ),
      }));
    }),
};

const otherSignature: TensorAttack = {
  name: 'tensor-other-signature',
  aim: 'a reply that names the inputs and outputs of another model',
  caughtBy: 'vocabulary',
  create: (sold) =>
    disguiseTensors(sold, async (request) => (await sold.run(request)).outputs, {
      vocabularyHash: new Uint8Array(32).fill(7),
    }),
};

/** Attacks on tensors that a consumer cannot see. */
export const TENSOR_ATTACKS: readonly TensorAttack[] = [anotherModel, boughtLabel, firstRow, otherSignature];
