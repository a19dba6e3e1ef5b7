import { fromBase64 } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseTrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import { MAX_PIXELS, PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import type { CheckedReply } from '../check-answer.ts';
import { ReceiptError } from '../errors.ts';
import type { PictureList } from '../types.ts';
import { type UnpackedPicture, unpackPng } from './unpack-png.ts';

/** A picture whose pixels are those that its provider signed. */
export interface CheckedPicture extends UnpackedPicture {
  readonly png: Uint8Array;
}

const PNG_URL = 'data:image/png;base64,';
/** Base64 of a PNG is never longer: pixels that deflate cannot shrink, with room for rows and chunks. */
const MAX_BASE64 = 2 * MAX_PIXELS * PIXEL_BYTES;

/**
 * Reads the pixels that a provider must have signed for the pictures that a gateway shows.
 * @param choices how many were requested.
 * @throws ReceiptError `picture` if the answer is no list of that many pictures.
 */
export async function readPictures(response: PictureList, choices: number): Promise<readonly CheckedPicture[]> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new ReceiptError('picture', `picture: ${why}`, { response, cause });
  };
  const data: unknown = response?.data;
  if (!Array.isArray(data) || data.length !== choices) return refuse(`${choices} pictures were requested`);
  return Promise.all(
    data.map(async (entry: Partial<PictureList['data'][number]> | null, index) => {
      try {
        const png = readPng(entry ?? {});
        return { ...(await unpackPng(png)), png };
      } catch (cause) {
        return refuse(`picture ${index}: ${(cause as Error).message}`, cause);
      }
    }),
  );
}

function readPng({ b64_json: shown, url }: Partial<PictureList['data'][number]>): Uint8Array {
  const base64 = typeof url === 'string' && url.startsWith(PNG_URL) ? url.slice(PNG_URL.length) : shown;
  if (typeof base64 !== 'string') throw new Error('it is neither base64 nor a data URL of a PNG');
  if (base64.length > MAX_BASE64) throw new Error('it is too long');
  return fromBase64(base64);
}

/**
 * Checks the sides of checked pictures. The signed bytes are the pixels alone, which a gateway could show in rows of another length.
 * @throws ReceiptError `picture`
 */
export function assertSizes(
  pictures: readonly UnpackedPicture[],
  replies: readonly CheckedReply[],
  response: PictureList,
): void {
  for (const { choice, receipt } of replies) {
    const picture = pictures[choice] as UnpackedPicture;
    const { header } = parseOpening((receipt.opening as { readonly bytes: Uint8Array }).bytes);
    const { width, height } = parseTrajectoryHeader(header).choices;
    if (picture.width === width && picture.height === height) continue;
    const message = `picture: ${width}x${height} pixels were signed, and ${picture.width}x${picture.height} are shown`;
    throw new ReceiptError('picture', message, { receipt, response });
  }
}
