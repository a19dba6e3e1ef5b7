import { equalBytes, ProtocolError } from '../../../base/bytes.ts';
import { type Check, fail, pass } from '../../../base/checks.ts';
import { type BlobRef, computeBlobRoot } from '../../../commitment/blob.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { MAX_ROWS_BYTES } from '../../../exchange/limits.ts';
import type { FindBlob } from '../../modality.ts';
import { decodeValues, VALUE_BYTES } from '../../shared/values.ts';
import type { Header, HeaderPicture } from '../commitment/header.ts';

/** Unit of a distance between two encoders' rows in a report: relative L2, 10^-9. */
export const DISTANCE_UNIT = 1e-9;
/** The largest distance that a report can state. It also stands for another number of rows. */
export const MOST_DISTANCE = 0xffffffff;
/**
 * The largest distance of honest rows: 1e-5. Kernels of two machines differ by 3.5e-7, weights in f16 by 1.0e-4 and one value of one
 * pixel by 1.6e-5 (docs/adr/pictures.md#encoders).
 */
export const MAX_PICTURE_DISTANCE = 10_000;

type Pictured = Pick<Header, 'pictures' | 'embeddingSize'>;

/** Lists the blobs of the rows, in the order of the pictures. */
export const listRowBlobs = ({ pictures, embeddingSize }: Pictured): readonly BlobRef[] =>
  pictures.map(({ rows, rowsRoot: root }) => ({ bytes: rows * embeddingSize * VALUE_BYTES, root }));

/** Counts the bytes of the rows of all pictures. */
export const countRowBytes = (header: Pictured): number =>
  listRowBlobs(header).reduce((sum, { bytes }) => sum + bytes, 0);

/** Computes the root of a blob of rows. @param blind of the answer. */
export const computeRowsRoot = (crypto: Crypto, blind: Uint8Array, bytes: Uint8Array): Uint8Array =>
  computeBlobRoot(crypto, blind, bytes);

export interface ShownRows {
  /** Undefined where a blob is not at hand. */
  readonly blobs: readonly Uint8Array[] | undefined;
  readonly checks: readonly Check[];
  readonly refutedBy?: readonly Uint8Array[];
}

/** Finds the blobs of the rows. Blobs that hold other things than finite values refute the reply. */
export function findRows(header: Pictured, find: FindBlob = () => undefined): ShownRows {
  if (header.pictures.length === 0) return { blobs: [], checks: [] };
  const total = countRowBytes(header);
  if (total > MAX_ROWS_BYTES) {
    const detail = `the rows of the pictures have ${total} bytes, more than ${MAX_ROWS_BYTES}`;
    return { blobs: undefined, checks: [fail('picture-rows', detail)] };
  }
  const blobs = listRowBlobs(header).map(({ root }) => find(root));
  if (blobs.some((blob) => blob === undefined)) return { blobs: undefined, checks: [] };
  const shown = blobs as readonly Uint8Array[];
  const wrong = shown.findIndex((blob, i) => !areRows(blob, header, i));
  if (wrong < 0) return { blobs: shown, checks: [pass('picture-rows', `${shown.length} pictures have finite rows`)] };
  const check = fail('picture-rows', `the rows of picture ${wrong} are no finite values`, wrong);
  return { blobs: undefined, checks: [check], refutedBy: [shown[wrong] as Uint8Array] };
}

function areRows(blob: Uint8Array, { pictures, embeddingSize }: Pictured, index: number): boolean {
  try {
    decodeValues(blob, (pictures[index] as HeaderPicture).rows * embeddingSize);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/**
 * Reads the rows that a job carries: their sizes first, since hashing costs time.
 * @param blind of the answer.
 * @returns f32[rows, embeddingSize] of each picture.
 * @throws ProtocolError if they are not those of the header.
 */
export function readJobRows(
  crypto: Crypto,
  header: Pictured,
  { blind, blobs }: { readonly blind: Uint8Array; readonly blobs: readonly Uint8Array[] },
): Float32Array[] {
  const refs = listRowBlobs(header);
  const isFitting = refs.length === blobs.length && refs.every(({ bytes }, i) => blobs[i]?.length === bytes);
  if (!isFitting)
    throw new ProtocolError(
      'malformed',
      `${blobs.length} blobs came, which are not the rows of ${refs.length} pictures`,
    );
  return refs.map(({ bytes, root }, i) => {
    const blob = blobs[i] as Uint8Array;
    if (!equalBytes(computeRowsRoot(crypto, blind, blob), root))
      throw new ProtocolError('malformed', `the rows of picture ${i} are not those of the header`);
    return decodeValues(blob, bytes / VALUE_BYTES);
  });
}

/** Computes the largest distance between claimed rows and a verifier's own, in units of a report. */
export function computePictureDistance(claimed: readonly Float32Array[], own: readonly Float32Array[]): number {
  if (claimed.length !== own.length) return MOST_DISTANCE;
  return Math.max(0, ...claimed.map((rows, i) => computeDistance(rows, own[i] as Float32Array)));
}

function computeDistance(claimed: Float32Array, own: Float32Array): number {
  if (claimed.length !== own.length) return MOST_DISTANCE;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < own.length; i++) {
    const value = own[i] as number;
    difference += ((claimed[i] as number) - value) ** 2;
    size += value ** 2;
  }
  if (difference === 0) return 0;
  const distance = Math.ceil(Math.sqrt(difference / size) / DISTANCE_UNIT);
  return distance < MOST_DISTANCE ? distance : MOST_DISTANCE;
}
