import type { HubPlace } from './place.ts';

/** Services that show places of other kinds under their names over HTTP. Places of a kind without a service are not read. */
export interface PlaceServices {
  /** Address of a server of repositories, without a slash at its end. */
  readonly huggingFace?: string | undefined;
  /** Returns the address of a public bucket, without a slash at its end. */
  readonly s3?: ((bucket: string) => string) | undefined;
  /** Address of a server that reads IPFS, without a slash at its end. */
  readonly ipfs?: string | undefined;
}

/** Services that answer everybody. */
export const PUBLIC_SERVICES: PlaceServices = {
  huggingFace: 'https://huggingface.co',
  // This host leads to the region of the bucket.
  s3: (bucket) => `https://${bucket}.s3.amazonaws.com`,
};

/**
 * Returns the address at which a place is read over HTTP, with a slash at its end.
 * @returns undefined for a folder, for a place on Walrus, which needs a description of its slices, and for a kind without a service.
 */
export function findPlaceAddress(
  { kind, address }: HubPlace,
  { huggingFace, s3, ipfs }: PlaceServices,
): string | undefined {
  if (kind === 'http') return address;
  if (kind === 'hf' && huggingFace !== undefined) {
    const [repository, commit] = address.slice('hf:'.length).split('@');
    return `${huggingFace}/${repository}/resolve/${commit}/`;
  }
  if (kind === 's3' && s3 !== undefined) {
    const [bucket = '', ...path] = address.slice('s3://'.length).replace(/\/$/, '').split('/');
    return [s3(bucket), ...path, ''].join('/');
  }
  return kind === 'ipfs' && ipfs !== undefined ? `${ipfs}/ipfs/${address.slice('ipfs:'.length)}/` : undefined;
}
