import { define } from '@ogong/host/config/values';
import { MAX_LICENCE_BYTES, parseLicence, type Relation } from '@ogong/hub/licence';
import type { HubManifest } from '@ogong/hub/manifest';
import { compareBytes, fromHex } from '@ogong/protocol/base/bytes';

/** A model that another one was made from: its root and the licence under which it was taken. */
export interface TakenOrigin {
  readonly modelRoot: Uint8Array;
  readonly licence: string;
}

const origin = define('a model root and its licence, such as <64 hex digits>:Apache-2.0', '<root:licence>', readOrigin);

function readOrigin(value: string): TakenOrigin | undefined {
  const [, root, licence = ''] = /^(?:0x)?([0-9a-f]{64}):(.+)$/.exec(value) ?? [];
  if (root === undefined || licence.length > MAX_LICENCE_BYTES || !isLicence(licence)) return undefined;
  return { modelRoot: fromHex(root), licence };
}

function isLicence(text: string): boolean {
  try {
    parseLicence(text);
    return true;
  } catch {
    return false;
  }
}

const declare = (description: string) => ({ schema: origin, repeatable: true, description }) as const;

/** Flags for the lineage of a model. */
export const originFields = {
  quantisedFrom: declare('model that this one is a quantisation of, by its root and licence'),
  adapterOf: declare('model that this adapter belongs to'),
  mergedFrom: declare('model that was merged into this one; repeat it for several'),
  convertedFrom: declare('model that this one is another form of'),
} as const;

/** Returns the lineage of a manifest from the flags, in its order. */
export function readLineage(
  values: Readonly<Record<keyof typeof originFields, readonly TakenOrigin[]>>,
): HubManifest['lineage'] {
  const as = (relation: Relation, origins: readonly TakenOrigin[]) => origins.map((one) => ({ ...one, relation }));
  return [
    ...as('quantised-from', values.quantisedFrom),
    ...as('adapter-of', values.adapterOf),
    ...as('merged-from', values.mergedFrom),
    ...as('converted-from', values.convertedFrom),
  ].sort((a, b) => compareBytes(a.modelRoot, b.modelRoot));
}
