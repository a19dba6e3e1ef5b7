import { serveParent } from '../process/child-loop.ts';
import { createSerialHost } from '../process/serial-host.ts';
import type { EncodeCall, EncoderContract } from './encoder-load.ts';
import { openEncoderModel } from './encoder-model.ts';

// The child process of an encoder of pictures: ONNX Runtime, whose native code may abort it at any time.
serveParent<EncoderContract>(async (load, send) => {
  const { info, encode } = await openEncoderModel(load);
  const host = createSerialHost<EncodeCall>({
    ...{ noun: 'picture', maxQueue: load.maxQueue, send },
    run: ({ picture }, isCancelled) => encode(picture, isCancelled),
  });
  return { info, host };
});
