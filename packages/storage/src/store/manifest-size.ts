import { MAX_MANIFEST_BYTES } from '@ogong/hub/manifest';
import { HubBlobError } from '@ogong/hub/store/blob-store';

/** The largest signed manifest: the manifest, and room for the signature. */
export const MAX_SIGNED_BYTES = MAX_MANIFEST_BYTES + 1_024;

/** Refuses bytes that are no signed manifest by their size. @throws HubBlobError `bad-size`. */
export function assertManifestSize({ length }: Uint8Array): void {
  if (length < 1 || length > MAX_SIGNED_BYTES)
    throw new HubBlobError('bad-size', `a signed manifest of ${length} bytes, at most ${MAX_SIGNED_BYTES}`);
}
