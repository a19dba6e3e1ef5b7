import type { TensorEngine } from '@ogong/engine/interface/tensor';
import { tensor } from '@ogong/protocol/modality/tensor/tensor';
import type { ProviderModality } from '../modality.ts';
import { rerunReport } from '../rerun-report.ts';
import { hideWeights } from './hide-weights.ts';
import { tensorEndpoints } from './infer-locally.ts';
import { openTensorJob } from './score-tensors.ts';
import { tensorOrders } from './serve-tensors.ts';

/** Named tensors of an ONNX model. */
export const tensorModality = {
  specificationVersion: 'tensor-v1',
  name: tensor.name,
  modelNoun: 'a model of tensors',
  writes: false,
  // Requests are computed one after the other.
  countSequences: () => 1,
  describe(engine) {
    const { inputs, outputs } = engine.info().signature;
    return { inputs: inputs.map(({ name }) => name), outputs: outputs.map(({ name }) => name) };
  },
  hideWeights,
  wrapOnDemand: ({ use }) => ({
    specificationVersion: 'tensor-v1',
    run: (request, options) => use((engine) => engine.run(request, options)),
  }),
  orders: tensorOrders,
  openScoreJob: openTensorJob,
  rerun: (claim, means) => rerunReport<TensorEngine>(openTensorJob, claim, means),
  atOnce: tensorEndpoints,
  findMisuse: (_engine, use) => (use === 'tensors' ? undefined : use),
  // Ollama has no word for tensors.
  listCapabilities: () => [],
} satisfies ProviderModality<TensorEngine>;
