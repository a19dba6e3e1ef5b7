import { openAsBlob } from 'node:fs';
import type { PlaceStore } from '../place-store.ts';
import type { BlobIndex } from '../staged/blob-index.ts';
import { openStagedStore, type StagedBlob } from '../staged/staged-store.ts';
import { cutSlices, readSlices, type Slice, storeBytes, type WalrusServices } from './walrus-client.ts';
import { encodeWalrusPlace, formatSlice, parseSlice, type WalrusPlace } from './walrus-place.ts';

export interface WalrusStoreOptions extends WalrusServices {
  /** Keeps the ids of both sides, and blobs that are on their way. */
  readonly folder: string;
  /** Bytes of one request. A larger blob is several blobs of Walrus. */
  readonly pieceBytes: number;
}

/** Opens a store on Walrus. A removed blob stays on Walrus until its epochs end: the publisher has no call that deletes. */
export function openWalrusStore({ folder, pieceBytes, ...services }: WalrusStoreOptions): PlaceStore {
  const sendPieces = async (whole: Blob, signal?: AbortSignal): Promise<Slice[]> => {
    const slices: Slice[] = [];
    for (let at = 0; at < whole.size; at += pieceBytes) {
      const piece = whole.slice(at, at + pieceBytes);
      slices.push({ blob: await storeBytes(services, piece, signal), from: 0, bytes: piece.size });
    }
    return slices;
  };

  const send = async ({ path, signal }: Pick<StagedBlob, 'path' | 'signal'>): Promise<string[]> =>
    (await sendPieces(await openAsBlob(path), signal)).map(formatSlice);

  /** Sends all small files of a place together, because Walrus is dear for small blobs. */
  async function publish(index: BlobIndex): Promise<string> {
    const place: WalrusPlace = { blobs: {}, lists: {}, manifests: {}, evaluations: {} };
    const small: { readonly kind: 'lists' | 'manifests'; readonly name: string; readonly bytes: Uint8Array }[] = [];
    for (const id of await index.ids()) {
      place.blobs[id] = (await index.find(id))?.references.map(parseSlice) ?? [];
      small.push({ kind: 'lists', name: id, bytes: await index.readList(id) });
    }
    for (const hash of await index.evaluations())
      place.evaluations[hash] = (await index.findEvaluation(hash))?.references.map(parseSlice) ?? [];
    for (const name of await index.manifests())
      small.push({ kind: 'manifests', name, bytes: await index.readManifest(name) });
    const slices = await sendPieces(new Blob(small.map(({ bytes }) => new Uint8Array(bytes))));
    let at = 0;
    for (const { kind, name, bytes } of small) {
      place[kind][name] = [...cutSlices(slices, { from: at, to: at + bytes.length })];
      at += bytes.length;
    }
    return `walrus:${await storeBytes(services, new Blob([new Uint8Array(encodeWalrusPlace(place))]), undefined)}`;
  }

  return openStagedStore(folder, {
    name: new URL(services.aggregator).host,
    publish,
    send,
    sendEvaluation: send,
    read: ({ references }, range, signal) =>
      readSlices(services.aggregator, references.map(parseSlice), { range, signal }),
    drop: async () => undefined,
    close: async () => undefined,
  });
}
