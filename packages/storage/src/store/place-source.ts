import type { PlaceSource } from '@ogong/hub/named/open-place';
import { createHttpSource, RefusedRead } from '@ogong/hub/transfer/block-source';
import { fetchFollowing } from '@ogong/models/remote';
import { toHex } from '@ogong/protocol/base/bytes';
import { collectAtMost } from './collect-at-most.ts';
import { PLACE_FOLDERS } from './place-store.ts';

/**
 * A place that a server of HTTP shows under its names.
 * @param address `https` or on this machine, without a slash at its end.
 */
export function createHttpPlace(
  address: string,
  { name, headers = {} }: { readonly name: string; readonly headers?: Readonly<Record<string, string>> },
): PlaceSource {
  return {
    ...createHttpSource({
      ...{ name, headers },
      urlOf: ({ blockRoot }) => `${address}/${PLACE_FOLDERS.blob}/${toHex(blockRoot)}`,
      listUrlOf: ({ blockRoot }) => `${address}/${PLACE_FOLDERS.list}/${toHex(blockRoot)}`,
    }),
    async readManifest(hash, { maxBytes, signal }) {
      const { body } = await fetchFollowing(`${address}/${PLACE_FOLDERS.manifest}/${hash}`, headers, { signal });
      return body === null ? new Uint8Array() : await collectAtMost(body, maxBytes + 1);
    },
  };
}

/** A source whose engine is loaded when it is first asked. A failed load is tried again. */
export function createLazySource(name: string, load: () => Promise<PlaceSource>): PlaceSource {
  let loading: Promise<PlaceSource> | undefined;
  const open = async (): Promise<PlaceSource> => {
    loading ??= load();
    try {
      return await loading;
    } catch (error) {
      loading = undefined;
      throw error;
    }
  };
  return {
    name,
    listBlocks: async (file, limits) => (await open()).listBlocks(file, limits),
    readManifest: async (hash, limits) => (await open()).readManifest(hash, limits),
    async *read(file, range, signal) {
      yield* (await open()).read(file, range, signal);
    },
  };
}

/** A source that can only say what is missing. */
export const createRefusingSource = (name: string, reason: string): PlaceSource =>
  createLazySource(name, () => Promise.reject(new RefusedRead(`${name}: ${reason}`)));
