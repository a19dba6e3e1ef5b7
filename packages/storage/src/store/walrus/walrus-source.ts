import type { PlaceSource } from '@ogong/hub/named/open-place';
import { type ReadLimits, RefusedRead } from '@ogong/hub/transfer/block-source';
import { fetchFollowing } from '@ogong/models/remote';
import { toHex } from '@ogong/protocol/base/bytes';
import { collectAtMost } from '../collect-at-most.ts';
import { readSlices, type Slice } from './walrus-client.ts';
import { MAX_PLACE_BYTES, parseWalrusPlace, type WalrusPlace } from './walrus-place.ts';

/** A place on Walrus, read through an aggregator. @param id of the description of the place. */
export function createWalrusSource(aggregator: string, id: string): PlaceSource {
  let place: WalrusPlace | undefined;
  const open = async (signal: AbortSignal): Promise<WalrusPlace> => {
    if (place !== undefined) return place;
    const { body } = await fetchFollowing(`${aggregator}/v1/blobs/${id}`, {}, { signal });
    place = parseWalrusPlace(await collectAtMost(body ?? new ReadableStream<Uint8Array>(), MAX_PLACE_BYTES + 1));
    return place;
  };
  const find = (slices: readonly Slice[] | undefined): readonly Slice[] => {
    if (slices === undefined) throw new RefusedRead(`walrus:${id} does not have the file`);
    return slices;
  };
  const readSmall = async (
    kind: 'lists' | 'manifests',
    name: string,
    { maxBytes, signal }: ReadLimits,
  ): Promise<Uint8Array> => {
    const slices = find((await open(signal))[kind][name]);
    const bytes = slices.reduce((sum, slice) => sum + slice.bytes, 0);
    if (bytes > maxBytes) throw new RefusedRead(`walrus:${id} has a file of ${bytes} bytes, at most ${maxBytes}`);
    return await collectAtMost(readSlices(aggregator, slices, { range: { from: 0, to: bytes }, signal }), maxBytes);
  };
  return {
    name: `walrus:${id}`,
    listBlocks: ({ blockRoot }, limits) => readSmall('lists', toHex(blockRoot), limits),
    readManifest: (hash, limits) => readSmall('manifests', hash, limits),
    async *readEvaluation(hash, signal) {
      const slices = find((await open(signal)).evaluations[hash]);
      const to = slices.reduce((sum, slice) => sum + slice.bytes, 0);
      yield* readSlices(aggregator, slices, { range: { from: 0, to }, signal });
    },
    async *read({ blockRoot }, range, signal) {
      yield* readSlices(aggregator, find((await open(signal)).blobs[toHex(blockRoot)]), { range, signal });
    },
  };
}
