import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeTensorData, encodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { describeTensorEngine } from '@ogong/testing/engine/tensor-compliance';
import { encodeOnnx } from '@ogong/testing/models/onnx-bytes';
import { encodeTensorModel, type TensorModelKind } from '@ogong/testing/models/tensor-models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectTensorModel, openTensorEngine } from './tensor-engine.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-tensors-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const write = (name: string, bytes: Uint8Array): string => {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
};
const writeModel = (kind: TensorModelKind, seed = 1): string =>
  write(`${kind}-${seed}.onnx`, encodeTensorModel(kind, seed));
const floats = (name: string, shape: readonly number[], values: readonly number[]): Tensor => ({
  ...{ name, dtype: 'float32', shape, data: encodeTensorData('float32', values) },
});
const read = (outputs: readonly Tensor[]) =>
  Object.fromEntries(outputs.map((tensor) => [tensor.name, decodeTensorData(tensor)]));

describe('an engine of tensors', () => {
  it('runs a linear regression and trees with labels, by the names of their outputs', async () => {
    const line = await openTensorEngine({ modelPath: writeModel('line') });
    const trees = await openTensorEngine({ modelPath: writeModel('trees') });
    try {
      const x = floats('x', [2, 2], [1, 1, 0, 2]);
      const made = await line.run({ inputs: [x], outputs: ['y'] });
      expect(made.outputs[0]).toMatchObject({ name: 'y', dtype: 'float32', shape: [2, 1] });
      expect(read(made.outputs)).toEqual({ y: [-0.5, -5.5] });
      const { signature } = trees.info();
      expect(signature.outputs.map(({ name, dtype }) => [name, dtype])).toEqual([
        ['label', 'string'],
        ['probabilities', 'float32'],
      ]);
      const both = await trees.run({ inputs: [x], outputs: ['probabilities', 'label'] });
      expect(read(both.outputs)).toEqual({ label: ['dog', 'cat'], probabilities: [0.125, 0.625, 0.25, 0.75, 0.25, 0] });
    } finally {
      await Promise.all([line.close(), trees.close()]);
    }
  });

  it('refuses outputs that are maps, operators of strangers, and random numbers', async () => {
    await expect(openTensorEngine({ modelPath: writeModel('map') })).rejects.toMatchObject({
      ...{ code: 'unsupported-model', message: expect.stringContaining('without ZipMap') },
    });
    for (const [operator, reason] of [
      ['com.example:Evil', 'com.example:Evil'],
      ['RandomNormal', 'random numbers'],
    ] as const) {
      const path = write('refused.onnx', encodeOnnx({ operators: [operator] }));
      expect(() => inspectTensorModel(path)).toThrow(reason);
    }
  });
});

describeTensorEngine({
  name: 'ONNX Runtime',
  open: () => openTensorEngine({ modelPath: writeModel('layers') }),
  inputs: [
    floats(
      'x',
      [1, 16],
      Array.from({ length: 16 }, (_, i) => Math.sin(i)),
    ),
  ],
  refused: [floats('x', [1, 3], [1, 2, 3])],
});
