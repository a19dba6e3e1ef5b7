import { serveParent } from '../process/child-loop.ts';
import { createTrajectoryHost } from '../process/trajectory-host.ts';
import type { OnnxTrajectoryContract } from './load-options.ts';
import { openTrajectoryModel } from './trajectory-model.ts';

// The child process of a model of pictures: ONNX Runtime, whose native code may abort it at any time.
serveParent<OnnxTrajectoryContract>(async (load, send) => {
  const { model, info } = await openTrajectoryModel(load);
  return { info, host: createTrajectoryHost({ model, maxQueue: load.maxQueue, send }) };
});
