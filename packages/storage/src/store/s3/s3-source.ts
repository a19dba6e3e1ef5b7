import type { PlaceSource } from '@ogong/hub/named/open-place';
import { createStoreSource, RefusedRead } from '@ogong/hub/transfer/block-source';
import { PLACE_FOLDERS } from '../place-store.ts';
import { openBucket, type S3Place } from './bucket.ts';
import { openS3Store } from './s3-store.ts';

/** A place in a bucket that asks for keys. A public bucket needs none and is a place of HTTP. */
export function createS3Source(place: S3Place): PlaceSource {
  const bucket = openBucket(place);
  const store = openS3Store(place);
  return {
    ...createStoreSource(bucket.name, store),
    readEvaluation: store.readEvaluation,
    async readManifest(hash, { maxBytes }) {
      const signed = await bucket.read(`${PLACE_FOLDERS.manifest}/${hash}`, maxBytes);
      if (signed === undefined) throw new RefusedRead(`${bucket.name} has no manifest ${hash}`);
      return signed;
    },
  };
}
