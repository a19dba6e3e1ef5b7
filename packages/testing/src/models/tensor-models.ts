import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { encodeNetwork, type OnnxNetwork } from './onnx-bytes.ts';

/** Small models of named tensors, by kind. */
export const TENSOR_MODELS = ['line', 'trees', 'layers', 'map'] as const;
export type TensorModelKind = (typeof TENSOR_MODELS)[number];

const ML = 'ai.onnx.ml';

/** A linear regression: y = 2 a - 3 b + 0.5. */
const line: OnnxNetwork = {
  inputs: [{ name: 'x', type: 'float32', shape: ['rows', 2] }],
  outputs: [{ name: 'y', type: 'float32', shape: ['rows', 1] }],
  nodes: [
    {
      operator: `${ML}:LinearRegressor`,
      inputs: ['x'],
      output: 'y',
      attributes: { coefficients: Float32Array.of(2, -3), intercepts: Float32Array.of(0.5), targets: 1 },
    },
  ],
  weights: {},
};

const LABELS = ['cat', 'dog', 'fox'];

/** One tree of two leaves: the first value decides between `cat` and `dog`. */
const trees = (hasMap: boolean): OnnxNetwork => ({
  inputs: [{ name: 'x', type: 'float32', shape: ['rows', 2] }],
  outputs: [
    { name: 'label', type: 'string', shape: ['rows'] },
    { name: 'probabilities', type: 'float32', shape: ['rows', 3], isMap: hasMap },
  ],
  nodes: [
    {
      operator: `${ML}:TreeEnsembleClassifier`,
      inputs: ['x'],
      output: 'label',
      moreOutputs: [hasMap ? 'scores' : 'probabilities'],
      attributes: {
        nodes_treeids: [0, 0, 0],
        nodes_nodeids: [0, 1, 2],
        nodes_featureids: [0, 0, 0],
        nodes_values: Float32Array.of(0.5, 0, 0),
        nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'],
        nodes_truenodeids: [1, 0, 0],
        nodes_falsenodeids: [2, 0, 0],
        class_treeids: [0, 0, 0, 0, 0, 0],
        class_nodeids: [1, 1, 1, 2, 2, 2],
        class_ids: [0, 1, 2, 0, 1, 2],
        class_weights: Float32Array.of(0.75, 0.25, 0, 0.125, 0.625, 0.25),
        classlabels_strings: LABELS,
        post_transform: 'NONE',
      },
    },
    ...(hasMap
      ? [
          {
            operator: `${ML}:ZipMap`,
            inputs: ['scores'],
            output: 'probabilities',
            attributes: { classlabels_strings: LABELS },
          },
        ]
      : []),
  ],
  weights: {},
});

/** Three layers with random weights, 16 values in and 4 out, beside the largest output's index. */
function layers(seed: number): OnnxNetwork {
  const random = createSeededRandom(seed);
  const draw = (...shape: number[]) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() - 0.5),
  });
  return {
    inputs: [{ name: 'x', type: 'float32', shape: ['rows', 16] }],
    outputs: [
      { name: 'logits', type: 'float32', shape: ['rows', 4] },
      { name: 'choice', type: 'int64', shape: ['rows'] },
    ],
    nodes: [
      { operator: 'MatMul', inputs: ['x', 'w1'], output: 'h1' },
      { operator: 'Tanh', inputs: ['h1'], output: 'a1' },
      { operator: 'MatMul', inputs: ['a1', 'w2'], output: 'h2' },
      { operator: 'Tanh', inputs: ['h2'], output: 'a2' },
      { operator: 'MatMul', inputs: ['a2', 'w3'], output: 'logits' },
      { operator: 'ArgMax', inputs: ['logits'], output: 'choice', attributes: { axis: 1, keepdims: 0 } },
    ],
    weights: { w1: draw(16, 64), w2: draw(64, 64), w3: draw(64, 4) },
  };
}

/** Encodes a model. @param seed of its weights, if they are random. */
export function encodeTensorModel(kind: TensorModelKind, seed = 1): Uint8Array {
  if (kind === 'line') return encodeNetwork(line);
  return encodeNetwork(kind === 'layers' ? layers(seed) : trees(kind === 'map'));
}
