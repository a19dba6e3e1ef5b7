import type { RequestParts } from '../modality/modality.ts';

/** Reads the bodies of a call, of which there is at least one. @throws the error of `parse` */
export const readParts = <R>(bodies: readonly Uint8Array[], parse: (body: Uint8Array) => R): RequestParts<R> =>
  bodies.map((body) => ({ request: parse(body), body })) as unknown as RequestParts<R>;
