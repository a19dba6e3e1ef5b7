import type { Secret } from '@ogong/host/crypto/secret';
import type { ByteRange } from '@ogong/hub/store/blob-store';
import { readHttpRange } from '@ogong/hub/transfer/block-source';
import { z } from 'zod';

/** Services of Walrus over HTTP. */
export interface WalrusServices {
  /** Address of a publisher, which pays for what it stores. */
  readonly publisher: string;
  /** Address of an aggregator, which reads. */
  readonly aggregator: string;
  /** The publisher's token, if it asks for one. */
  readonly token?: Secret<string> | undefined;
  /** Epochs for which blobs are stored and paid. */
  readonly epochs: number;
}

const blobId = z.string().regex(/^[\w-]{43}$/);
const storedAnswer = z.union([
  z.object({ newlyCreated: z.object({ blobObject: z.object({ blobId }) }) }),
  z.object({ alreadyCertified: z.object({ blobId }) }),
]);

/** Bytes of a blob of Walrus. */
export interface Slice {
  readonly blob: string;
  readonly from: number;
  readonly bytes: number;
}

/** Stores bytes. @returns their id on Walrus. @throws Error with the publisher's status. */
export async function storeBytes(
  { publisher, token, epochs }: WalrusServices,
  body: Blob,
  signal: AbortSignal | undefined,
): Promise<string> {
  const response = await fetch(`${publisher}/v1/blobs?epochs=${epochs}`, {
    method: 'PUT',
    body,
    headers: token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` },
    ...(signal && { signal }),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${new URL(publisher).host} answered ${response.status} to a blob of ${body.size} bytes`);
  }
  const answer = storedAnswer.parse(await response.json());
  return 'newlyCreated' in answer ? answer.newlyCreated.blobObject.blobId : answer.alreadyCertified.blobId;
}

/** Reads a range of bytes that lie in slices, one after another. */
export async function* readSlices(
  aggregator: string,
  slices: readonly Slice[],
  { range, signal }: { readonly range: ByteRange; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const name = new URL(aggregator).host;
  for (const { blob, from, bytes } of cutSlices(slices, range))
    yield* readHttpRange(`${aggregator}/v1/blobs/${blob}`, { from, to: from + bytes }, { name, headers: {}, signal });
}

/** Returns the parts of slices that lie in a range of their bytes. */
export function cutSlices(slices: readonly Slice[], { from, to }: ByteRange): readonly Slice[] {
  const cut: Slice[] = [];
  let at = 0;
  for (const slice of slices) {
    const [first, last] = [Math.max(from, at), Math.min(to, at + slice.bytes)];
    if (first < last) cut.push({ blob: slice.blob, from: slice.from + first - at, bytes: last - first });
    at += slice.bytes;
  }
  return cut;
}
