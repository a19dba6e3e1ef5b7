import { bytes32, createFormat, list, plainText, struct, u8 } from '../base/codec.ts';
import type { EvidenceParts } from './tier.ts';

/** No tier has more parts of its own. */
const MAX_PARTS = 8;
const MAX_NAME_LENGTH = 32;
/** No part of any tier is larger. */
const MAX_PART_BYTES = 4 * 1_024 * 1_024;

const compareNames = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const part = struct({ name: plainText(MAX_NAME_LENGTH), bytes: bytes32(MAX_PART_BYTES) });
const partsFormat = createFormat(
  struct({ parts: list(part, { count: u8, max: MAX_PARTS, ascending: (a, b) => compareNames(a.name, b.name) }) }),
  { tag: 'ogong-own-evidence-v1' },
);

/** Returns the part of that name. A name of an object's prototype names no part. */
export const getPart = (evidence: EvidenceParts, name: string): Uint8Array | undefined =>
  Object.hasOwn(evidence, name) ? evidence[name] : undefined;

/** Encodes parts for one column of a store. @throws ProtocolError */
export const encodeParts = (evidence: EvidenceParts): Uint8Array =>
  partsFormat.encode({
    parts: Object.entries(evidence)
      .map(([name, bytes]) => ({ name, bytes }))
      .sort((a, b) => compareNames(a.name, b.name)),
  });

/** @throws ProtocolError */
export const parseParts = (bytes: Uint8Array): EvidenceParts =>
  Object.fromEntries(partsFormat.decode(bytes).parts.map(({ name, bytes: own }) => [name, own]));
