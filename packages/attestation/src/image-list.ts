import { fromHex } from '@ogong/protocol/base/bytes';
import { EvidenceError } from './evidence-error.ts';
import { readJsonFields } from './json-fields.ts';
import type { MachinePolicy } from './policy-file.ts';

/** Images that somebody vouches for, and the guests that may boot them: as `images` and `boots` of a policy. */
export interface ImageList {
  readonly images: readonly string[];
  readonly boots?: readonly string[];
}

const MAX_ENTRIES = 1_024;
const FIELDS = ['images', 'boots'];

/** The file of docs/spec/machine-images.md. @throws EvidenceError */
export function parseImageList(bytes: Uint8Array): ImageList {
  const fields = readJsonFields(bytes, 'a list of images', FIELDS);
  const images = readHashes(fields.images, 'images');
  return fields.boots === undefined ? { images } : { images, boots: readHashes(fields.boots, 'boots') };
}

function readHashes(value: unknown, what: string): string[] {
  const isList = Array.isArray(value) && value.length > 0 && value.length <= MAX_ENTRIES;
  if (!isList) throw new EvidenceError(`${what} is no list of 1 to ${MAX_ENTRIES} hashes`);
  return value.map((one: unknown) => {
    if (typeof one !== 'string' || !/^(?:[0-9a-f]{64}|[0-9a-f]{96})$/.test(one))
      throw new EvidenceError(`${what}: 64 or 96 lower-case hex digits are expected`);
    return one;
  });
}

/** Why a list is not taken; undefined where it is. @param inForce hex, what the chain says now; undefined where it says nothing. */
export const findListProblem = (
  name: string,
  { hash, inForce }: { readonly hash: Uint8Array; readonly inForce: string | undefined },
): string | undefined => {
  if (inForce === undefined) return `nothing is in force for ${name}`;
  const isSame = fromHex(inForce.replace(/^0x/, ''), 32).every((byte, i) => byte === hash[i]);
  return isSame ? undefined : `the hash in force for ${name} is another: ${inForce}`;
};

/** A policy with the images of a list in place of its own; one that names a list takes no image without it. */
export function applyImageList(policy: MachinePolicy, list: ImageList | undefined): MachinePolicy {
  if (policy.imageList === undefined) return policy;
  const { boots = policy.boots } = list ?? {};
  return { ...policy, images: list?.images ?? [], ...(boots && { boots }) };
}
