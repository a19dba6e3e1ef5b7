import { fromBase64, toHex } from '@ogong/protocol/base/bytes';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';

/** A committed picture with the outputs of its steps, in Base64. */
export interface PictureInput {
  readonly record: string;
  readonly opening: string;
  readonly blobs: readonly string[];
}

/** Runs stage 1 of a picture as a page does: it hashes the outputs and computes every latent again. @returns ids of the checks that failed. */
export function checkPicture({ record, opening: openingText, blobs }: PictureInput): string[] {
  const opening = parseOpening(fromBase64(openingText));
  const held = new Map(
    blobs.map((text) => {
      const bytes = fromBase64(text);
      return [toHex(computeBlobRoot(crypto, opening.blind, bytes)), bytes] as const;
    }),
  );
  const { checks } = trajectory.replay(crypto, parseRecordV2(fromBase64(record)), opening, {
    blobs: (root) => held.get(toHex(root)),
  });
  return checks.filter(({ status }) => status !== 'pass').map(({ id }) => id);
}
