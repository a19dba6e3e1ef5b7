import { Worker } from 'node:worker_threads';
import { EngineError } from '../interface/engine-error.ts';
import type { RgbPicture } from '../interface/vision.ts';
import { type PictureHeader, readPictureHeader } from './picture-header.ts';
import type { Raster } from './resize.ts';

export interface DecodeJob {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly header: PictureHeader;
  /** The wanted values. Colours have three channels, and the opacity one. */
  readonly part: 'colours' | 'opacity';
}

export type DecodeAnswer = { readonly picture: Raster } | { readonly problem: string };

/** A picture of the most pixels takes about two seconds on a slow core. */
const MOST_MS = 20_000;
/** Threads that decode at the same time. Each may take some hundred megabytes. */
const MOST_THREADS = 2;
const MOST_WAITING = 64;
/** The memory of a codec never shrinks, so the thread of a larger picture ends. */
const SMALL_PIXELS = 1 << 20;

/** A thread that waits for its next picture. */
let idle: Worker | undefined;
let running = 0;
const waiting: (() => void)[] = [];

/**
 * Decodes a PNG, JPEG or WebP in a thread. Pixels are turned upright by their Exif orientation, and transparent ones lie on white.
 * @throws EngineError `invalid-request` for other or broken bytes, an animation, or more than 16 MiB or 16 megapixels.
 * @throws EngineError `overloaded` if too many pictures wait or the machine is too slow, `engine-crashed` if the decoder breaks.
 */
export async function decodePicture(bytes: Uint8Array): Promise<RgbPicture> {
  const { width, height, data: rgb } = await decode(bytes, 'colours');
  return { width, height, rgb };
}

/**
 * Decodes the opacity of a PNG, JPEG or WebP, upright. A picture without transparency has 255 everywhere.
 * @returns one channel. @throws EngineError as decodePicture
 */
export const decodeOpacity = (bytes: Uint8Array): Promise<Raster> => decode(bytes, 'opacity');

async function decode(bytes: Uint8Array, part: DecodeJob['part']): Promise<Raster> {
  const header = readPictureHeader(bytes);
  await takeTurn();
  try {
    // A copy: it moves to the thread.
    const answer = await runThread({ bytes: new Uint8Array(bytes), header, part });
    if ('picture' in answer) return answer.picture;
    throw new EngineError('invalid-request', `the picture ${answer.problem}`);
  } finally {
    running--;
    waiting.shift()?.();
  }
}

async function takeTurn(): Promise<void> {
  if (waiting.length >= MOST_WAITING)
    throw new EngineError('overloaded', `${MOST_WAITING} pictures are waiting to be decoded; try again`, {
      retryable: true,
    });
  if (running >= MOST_THREADS) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
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
