import type { TensorModel } from '@ogong/engine/process/tensor-host';
import { encodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { expect, it } from 'vitest';
import { createFakeTensorEngine, type FakeTensorOptions } from './fake-tensor.ts';
import { describeTensorEngine, TENSOR_RULES, type TensorSubject } from './tensor-compliance.ts';

const x = (shape: readonly number[], values: readonly number[]): Tensor => ({
  ...{ name: 'x', dtype: 'float32', shape, data: encodeTensorData('float32', values) },
});
const honest: TensorSubject = {
  name: 'fake engine of tensors',
  open: async () => createFakeTensorEngine(),
  inputs: [x([2, 2], [1, 2, -3, 0.5])],
  refused: [x([2, 0], [])],
};

describeTensorEngine(honest);

/** Returns the rules that an engine with this fault breaks. */
async function findBroken(fault: FakeTensorOptions): Promise<string[]> {
  const subject = { ...honest, open: async () => createFakeTensorEngine(fault) };
  const broken: string[] = [];
  for (const { name, test } of TENSOR_RULES) {
    await test(subject.open, subject).catch(() => broken.push(name));
  }
  return broken;
}

let runs = 0;
const bend = (change: (run: TensorModel['run']) => TensorModel['run']): FakeTensorOptions => ({
  bend: (model) => ({ run: change(model.run) }),
});

it.each<[string, FakeTensorOptions, RegExp]>([
  [
    'in another order',
    bend((run) => async (asked) => {
      const made = await run(asked);
      return { ...made, outputs: [...made.outputs].reverse() };
    }),
    /in their order/,
  ],
  [
    'that differ each time',
    bend((run) => async (asked) => {
      const made = await run(asked);
      const first = {
        ...(made.outputs[0] as Tensor),
        data: encodeTensorData('float32', [runs++, 0]),
        dtype: 'float32' as const,
      };
      return { ...made, outputs: [first, ...made.outputs.slice(1)] };
    }),
    /the same bits/,
  ],
  [
    'that are exact for every class',
    bend((run) => async (asked) => ({ ...(await run(asked)), exact: true })),
    /no class/,
  ],
  ['for inputs that it cannot read', bend((run) => (asked) => run({ ...asked, inputs: honest.inputs })), /cannot read/],
])('finds outputs %s', async (_what, fault, rule) => {
  expect(await findBroken(fault)).toContainEqual(expect.stringMatching(rule));
});
