import { bytes32, createFormat, list, u8 } from '../../base/codec.ts';
import { MAX_ENCODED_MEDIA_BYTES, MAX_MEDIA_BYTES, MAX_MEDIA_PARTS, MEDIA_PIECE_BYTES } from '../../exchange/limits.ts';
import type { RequestMedia } from './media.ts';

const format = createFormat<readonly Uint8Array[]>(
  list(bytes32(MAX_MEDIA_BYTES), { count: u8, min: 1, max: MAX_MEDIA_PARTS }),
  { tag: 'ogong-media-v1', maxBytes: MAX_ENCODED_MEDIA_BYTES },
);

/** Encodes the media of a request for their way to a provider, in the order of their references. */
export const encodeMedia = (media: RequestMedia): Uint8Array => format.encode([...media.values()]);

/** Decodes media. Nothing binds them to a request yet: attachMedia does. @throws ProtocolError */
export const decodeMedia = (encoded: Uint8Array): readonly Uint8Array[] => format.decode(encoded);

/** Cuts bytes into pieces of MEDIA_PIECE_BYTES; the last one may be shorter. */
export function cutPieces(bytes: Uint8Array): readonly Uint8Array[] {
  const count = Math.max(1, Math.ceil(bytes.length / MEDIA_PIECE_BYTES));
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * MEDIA_PIECE_BYTES, (i + 1) * MEDIA_PIECE_BYTES));
}
