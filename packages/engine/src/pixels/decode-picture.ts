import { Worker } from 'node:worker_threads';
import { EngineError } from '../interface/engine-error.ts';
import type { RgbPicture } from '../interface/vision.ts';
import { createDecodingTurns } from './decoding-turns.ts';
import { MOST_FILE_PIXELS, type PictureHeader, readPictureHeader } from './picture-header.ts';
import type { Raster } from './resize.ts';

export interface DecodeJob {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly header: PictureHeader;
  /** The wanted values. Colours have three channels, and the opacity one. */
  readonly part: 'colours' | 'opacity';
}

export type DecodeAnswer = { readonly picture: Raster } | { readonly problem: string };

/** A picture of the most pixels takes about six seconds on a slow core. */
const MOST_MS = 20_000;
/** The most pixels at the same time take 0.7 to 1.4 GB. Two pictures of up to 32 megapixels are decoded at the same time. */
const turns = createDecodingTurns({ most: MOST_FILE_PIXELS, least: MOST_FILE_PIXELS / 2, mostWaiting: 64 });
/** The memory of a codec never shrinks, so the thread of a larger picture ends. */
const SMALL_PIXELS = 1 << 20;

/** A thread that waits for its next picture. */
let idle: Worker | undefined;

/**
 * Decodes a PNG, JPEG, WebP or GIF in a thread, to the pixels that docs/spec/media.md#pixels describes. They are upright, on white, and
 * halved if they are more than 16 megapixels. Of a GIF the first frame is decoded.
 * @throws EngineError `invalid-request` for other or broken bytes, an animated PNG or WebP, or more than 16 MiB or 64 megapixels.
 * @throws EngineError `overloaded` if too many pictures wait or the machine is too slow, `engine-crashed` if the decoder breaks.
 */
export async function decodePicture(bytes: Uint8Array): Promise<RgbPicture> {
  const { width, height, data: rgb } = await decode(bytes, 'colours');
  return { width, height, rgb };
}

/**
 * Decodes the opacity of a PNG, JPEG, WebP or GIF, upright and halved as colours are. A picture without transparency has 255 everywhere.
 * @returns one channel. @throws EngineError as decodePicture
 */
export const decodeOpacity = (bytes: Uint8Array): Promise<Raster> => decode(bytes, 'opacity');

async function decode(bytes: Uint8Array, part: DecodeJob['part']): Promise<Raster> {
  const header = readPictureHeader(bytes);
  const endTurn = await turns.take(header.width * header.height);
  try {
    // A copy: it moves to the thread.
    const answer = await runThread({ bytes: new Uint8Array(bytes), header, part });
    if ('picture' in answer) return answer.picture;
    throw new EngineError('invalid-request', `the picture ${answer.problem}`);
  } finally {
    endTurn();
  }
}

async function runThread(job: DecodeJob): Promise<DecodeAnswer> {
  const worker = idle ?? startThread();
  idle = undefined;
  worker.ref();
  const { promise, resolve } = Promise.withResolvers<DecodeAnswer | EngineError>();
  // Neither is the fault of the picture: another machine may decode it.
  const fail = (): void =>
    resolve(new EngineError('engine-crashed', 'the decoder of pictures broke', { retryable: true }));
  const late = `decoding a picture took more than ${MOST_MS / 1_000} seconds`;
  const timer = setTimeout(() => resolve(new EngineError('overloaded', late, { retryable: true })), MOST_MS);
  worker.once('message', resolve).once('error', fail).once('exit', fail);
  worker.postMessage(job, [job.bytes.buffer]);
  const answer = await promise;
  clearTimeout(timer);
  worker.off('message', resolve).off('error', fail).off('exit', fail);
  const { width, height } = job.header;
  if (!(answer instanceof EngineError) && 'picture' in answer && width * height <= SMALL_PIXELS && idle === undefined) {
    idle = worker;
    worker.unref();
  } else await worker.terminate();
  if (answer instanceof EngineError) throw answer;
  return answer;
}

function startThread(): Worker {
  const worker = new Worker(new URL('./decode-child.ts', import.meta.url));
  worker.on('error', () => undefined);
  worker.on('exit', () => {
    if (idle === worker) idle = undefined;
  });
  return worker;
}
