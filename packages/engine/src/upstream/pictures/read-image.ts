import { fromBase64, ProtocolError } from '@ogong/protocol/base/bytes';
import type { PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import { EngineError } from '../../interface/engine-error.ts';
import { decodePicture } from '../../pixels/decode-picture.ts';
import { readPictureHeader } from '../../pixels/picture-header.ts';

const DATA_URL = /^data:image\/(?:png|jpeg|webp);base64,/;

/**
 * Reads the picture of an answer of OpenAI's API of images.
 * @returns RGB8, row by row, in the size that was asked for.
 * @throws EngineError 'engine-crashed' for another number of pictures, another address than a data URL, another size, or no picture.
 */
export async function readImage(address: string, document: unknown, size: PictureSize): Promise<Uint8Array> {
  const refuse = (problem: string, cause?: unknown): EngineError =>
    new EngineError('engine-crashed', `${address} ${problem}`, { cause });
  const { data } = (document ?? {}) as { readonly data?: unknown };
  const entries: readonly unknown[] = Array.isArray(data) ? data : [];
  if (entries.length !== 1) throw refuse(`answers with ${entries.length} pictures, and one was asked for`);
  const { b64_json: inline, url } = (entries[0] ?? {}) as { readonly b64_json?: unknown; readonly url?: unknown };
  const written = typeof inline === 'string' ? inline : url;
  if (typeof written !== 'string') throw refuse('answers with no picture');
  const isInline = typeof inline === 'string';
  // The address of a stranger's server may lead anywhere, also into the network of this machine.
  if (!isInline && !DATA_URL.test(written)) throw refuse('answers with the address of a picture, which is not fetched');
  let file: Uint8Array;
  try {
    file = fromBase64(written.replace(DATA_URL, ''));
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw refuse(`answers with no picture in base64: ${cause.message}`, cause);
  }
  try {
    const header = readPictureHeader(file);
    // Before the pixels take memory. The sides may lie turned in the file.
    const sides = [header.width, header.height];
    if (!sides.includes(size.width) || !sides.includes(size.height)) throw refuse(describeSize(header, size));
    const { width, height, rgb } = await decodePicture(file);
    if (width !== size.width || height !== size.height) throw refuse(describeSize({ width, height }, size));
    return rgb;
  } catch (cause) {
    // The server is at fault, not the request.
    if (!(cause instanceof EngineError) || cause.code !== 'invalid-request') throw cause;
    throw refuse(`answers with no picture: ${cause.message}`, cause);
  }
}

const describeSize = (made: PictureSize, asked: PictureSize): string =>
  `made a picture of ${made.width}x${made.height} pixels, and ${asked.width}x${asked.height} were asked for`;
