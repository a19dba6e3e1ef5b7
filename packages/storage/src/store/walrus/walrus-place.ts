import { z } from 'zod';
import type { Slice } from './walrus-client.ts';

/** The largest description of a place: 16 MiB. */
export const MAX_PLACE_BYTES = 1 << 24;

const slice = z
  .string()
  .regex(/^[\w-]{43} \d{1,15} \d{1,15}$/)
  .transform(parseSlice);
const files = z.record(z.string().regex(/^[0-9a-f]{64}$/), z.array(slice).min(1));
/** The first descriptions had no evaluations. */
const placeSchema = z.object({ blobs: files, lists: files, manifests: files, evaluations: files.default({}) });

/** Says where the files of a place lie on Walrus. It is a blob of Walrus itself, and its id is the address of the place. */
export type WalrusPlace = z.infer<typeof placeSchema>;

/** Parses a description of a place. @throws Error if it is none. */
export function parseWalrusPlace(bytes: Uint8Array): WalrusPlace {
  if (bytes.length > MAX_PLACE_BYTES) throw new Error('the description of the place is too large');
  return placeSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

export function encodeWalrusPlace(place: WalrusPlace): Uint8Array {
  const encode = (kind: Readonly<Record<string, readonly Slice[]>>) =>
    Object.fromEntries(Object.entries(kind).map(([name, slices]) => [name, slices.map(formatSlice)]));
  const { blobs, lists, manifests, evaluations } = place;
  return Buffer.from(
    JSON.stringify({
      ...{ blobs: encode(blobs), lists: encode(lists) },
      ...{ manifests: encode(manifests), evaluations: encode(evaluations) },
    }),
  );
}

/** Formats a slice as text: blob, first byte, bytes. */
export const formatSlice = ({ blob, from, bytes }: Slice): string => `${blob} ${from} ${bytes}`;

export function parseSlice(text: string): Slice {
  const [blob = '', from, bytes] = text.split(' ');
  return { blob, from: Number(from), bytes: Number(bytes) };
}
