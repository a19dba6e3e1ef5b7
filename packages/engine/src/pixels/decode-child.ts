import { parentPort } from 'node:worker_threads';
import { type RgbaPicture, runCodec } from './codecs.ts';
import { decodeJpeg } from './decode-jpeg.ts';
import type { DecodeAnswer, DecodeJob } from './decode-picture.ts';
import { decodeGif } from './gif.ts';
import { toUprightOpacity, toUprightRgb } from './orientation.ts';
import type { PictureHeader } from './picture-header.ts';

async function decode(bytes: Uint8Array<ArrayBuffer>, header: PictureHeader): Promise<RgbaPicture> {
  if (header.type === 'gif') return decodeGif(bytes, header);
  return header.type === 'jpeg' ? decodeJpeg(bytes, header) : runCodec(header.type, bytes);
}

// The worker thread of one picture at a time: WebAssembly, which broken bytes may end at any time.
parentPort?.on('message', async ({ bytes, header, part }: DecodeJob) => {
  const send = (answer: DecodeAnswer, moved: ArrayBuffer[] = []): void => parentPort?.postMessage(answer, moved);
  try {
    const { data, width, height } = await decode(bytes, header);
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
