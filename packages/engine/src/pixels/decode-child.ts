import { parentPort } from 'node:worker_threads';
import { runCodec } from './codecs.ts';
import type { DecodeAnswer, DecodeJob } from './decode-picture.ts';
import { toUprightOpacity, toUprightRgb } from './orientation.ts';

// The worker thread of one picture at a time: WebAssembly, which broken bytes may end at any time.
parentPort?.on('message', async ({ bytes, header, part }: DecodeJob) => {
  const send = (answer: DecodeAnswer, moved: ArrayBuffer[] = []): void => parentPort?.postMessage(answer, moved);
  try {
    const { data, width, height } = await runCodec(header.type, bytes);
    if (width !== header.width || height !== header.height || data.length !== width * height * 4)
      return send({
        problem: `has ${width}x${height} pixels, not the ${header.width}x${header.height} that it states`,
      });
    const picture = part === 'opacity' ? toUprightOpacity(data, header) : toUprightRgb(data, header);
    send({ picture }, [picture.data.buffer as ArrayBuffer]);
  } catch {
    send({ problem: `is no whole ${header.type.toUpperCase()}` });
  }
});
