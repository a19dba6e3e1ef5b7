import { equalBytes, ProtocolError } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { fail } from '../base/checks.ts';
import type { Opening } from '../commitment/opening.ts';
import type { RecordV2 } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { checkRoot } from '../stage1/common-checks.ts';
import { embedding } from './embedding/embedding.ts';
import { ENDPOINTS } from './endpoints.ts';
import type { Modality, ReplayedReply, ReplayOptions } from './modality.ts';
import { tensor } from './tensor/tensor.ts';
import { text } from './text/text.ts';
import { trajectory } from './trajectory/trajectory.ts';

/** Every modality of this version. This is the only list. */
const MODALITIES: readonly Modality[] = [text, embedding, trajectory, tensor];

/** Checks of stage 1 that read blobs, of all modalities. */
export const BLOB_CHECKS: readonly string[] = MODALITIES.flatMap(({ blobChecks = [] }) => blobChecks);

/** @throws ProtocolError `unsupported` if no modality has the endpoint. */
export function findModality(endpoint: string): Modality {
  const found = MODALITIES.find(({ endpoints }) => endpoints.includes(endpoint));
  if (found !== undefined) return found;
  throw new ProtocolError(
    'unsupported',
    `endpoint ${JSON.stringify(endpoint.slice(0, 32))} is none of ${ENDPOINTS.join(', ')}`,
  );
}

/** Finds a modality by the name that announcements use; undefined if this version does not know it. */
export const lookUpModality = (name: string): Modality | undefined => MODALITIES.find((one) => one.name === name);

/** Finds the modality whose header tag these bytes begin with. */
export function findHeaderModality(header: Uint8Array): Modality | undefined {
  return MODALITIES.find(({ headerTag }) => {
    const tag = encodeDomain(headerTag);
    return equalBytes(header.subarray(0, tag.length), tag);
  });
}

/** Runs stage 1 of a reply of any modality, which its header's tag names (docs/spec/modality.md). */
export function replayOpening(
  crypto: Crypto,
  record: RecordV2,
  opening: Opening,
  options?: ReplayOptions,
): ReplayedReply {
  const modality = findHeaderModality(opening.header);
  if (modality !== undefined) return modality.replay(crypto, record, opening, options);
  const root = checkRoot(crypto, record, opening);
  const form = fail('commitment-form', 'leaf 0 is the header of no modality that this version knows');
  const never = (): never => {
    throw new ProtocolError('unsupported', form.detail);
  };
  return {
    checks: root.status === 'pass' ? [root, form] : [root],
    ...{ header: undefined, describeJob: never, readReport: never },
  };
}
