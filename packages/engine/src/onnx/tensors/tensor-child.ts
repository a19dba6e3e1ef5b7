import { serveParent } from '../../process/child-loop.ts';
import { createTensorHost } from '../../process/tensor-host.ts';
import type { OnnxTensorContract } from './tensor-load.ts';
import { openTensorModel } from './tensor-model.ts';

// The child process of a model of tensors: ONNX Runtime, whose native code may abort it at any time.
serveParent<OnnxTensorContract>(async (load, send) => {
  const { model, info } = await openTensorModel(load);
  return { info, host: createTensorHost({ model, maxQueue: load.maxQueue, send }) };
});
