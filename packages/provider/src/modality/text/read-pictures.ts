import type { TextEngine } from '@ogong/engine/interface/text';
import type { EncodedPicture } from '@ogong/engine/interface/vision';
import { assertFewPixels } from '@ogong/engine/pixels/picture-header';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { mediaBytes, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import type { HeaderPicture } from '@ogong/protocol/modality/text/commitment/header';
import { listPictures } from '@ogong/protocol/modality/text/request/chat-messages';
import { computeRowsRoot } from '@ogong/protocol/modality/text/stage2/picture-rows';
import type { KeptBlob } from '../order-job.ts';
import type { ModelRequest } from './model-request.ts';

/** A request whose pictures the model's encoder has read. */
export interface PicturedRequest extends ModelRequest {
  /** In the order of the messages. */
  readonly pictures: readonly EncodedPicture[];
}

/**
 * Encodes the pictures of a request. Provider and verifier share this path: both must see the same rows.
 * @throws RequestError if a picture is missing, EngineError if the encoder cannot read one or they have too many pixels.
 */
export async function readPictures(
  engine: Pick<TextEngine, 'encodePicture'>,
  request: ModelRequest,
  {
    media,
    signal,
    assertRows = () => {},
  }: {
    readonly media: RequestMedia;
    readonly signal?: AbortSignal | undefined;
    /** Refuses so many bytes of rows, before further pictures are encoded. Default: any number is taken. */
    readonly assertRows?: (bytes: number) => void;
  },
): Promise<PicturedRequest> {
  const encoded = new Map<string, EncodedPicture>();
  const references = listPictures(request.asked.messages);
  const files = new Map(references.map((reference) => [reference, mediaBytes(reference, media)]));
  assertFewPixels([...files.values()]);
  let rowBytes = 0;
  for (const reference of references) {
    const file = files.get(reference) as Uint8Array;
    const picture = encoded.get(reference) ?? (await engine.encodePicture(file, signal && { signal }));
    encoded.set(reference, picture);
    rowBytes += picture.rows.byteLength;
    assertRows(rowBytes);
  }
  const pictures = references.map((reference) => encoded.get(reference) as EncodedPicture);
  if (pictures.length === 0) return { ...request, pictures };
  return { ...request, prompt: { ...request.prompt, pictures }, pictures };
}

/** The rows of pictures as a header names them, and their blobs. */
export interface CommittedPictures {
  readonly pictures: readonly HeaderPicture[];
  readonly blobs: readonly KeptBlob[];
}

export const NO_PICTURES: CommittedPictures = { pictures: [], blobs: [] };

/** @param blind of the answer. */
export function commitPictures(
  crypto: Crypto,
  blind: Uint8Array,
  { pictures, rowSize }: { readonly pictures: readonly EncodedPicture[]; readonly rowSize: number },
): CommittedPictures {
  const blobs = pictures.map(({ rows }) => {
    const bytes = encodeValues(rows);
    return { ref: { bytes: bytes.length, root: computeRowsRoot(crypto, blind, bytes) }, bytes };
  });
  const committed = pictures.map(({ rows }, i) => ({
    rows: rows.length / rowSize,
    rowsRoot: (blobs[i] as KeptBlob).ref.root,
  }));
  return { pictures: committed, blobs };
}
