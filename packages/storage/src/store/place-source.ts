import type { PlaceSource } from '@ogong/hub/named/open-place';
import { RefusedRead } from '@ogong/hub/transfer/block-source';

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
    async *readEvaluation(hash, signal) {
      yield* (await open()).readEvaluation(hash, signal);
    },
  };
}

/** A source that can only say what is missing. */
export const createRefusingSource = (name: string, reason: string): PlaceSource =>
  createLazySource(name, () => Promise.reject(new RefusedRead(`${name}: ${reason}`)));
