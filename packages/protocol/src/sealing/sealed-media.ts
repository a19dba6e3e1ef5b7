import { concatBytes, createWriter, utf8Encode } from '../base/bytes.ts';
import { AEAD_TAG_BYTES, type SealPrimitives } from '../crypto/seal-primitives.ts';
import { MAX_MEDIA_PIECES, MEDIA_PIECE_BYTES } from '../exchange/limits.ts';
import type { Exporter } from './key-schedule.ts';
import { pad, padToBucket, unpad } from './padding.ts';
import { SealError } from './seal-error.ts';

/** Seals or opens the media of one sealed request, under keys of its own encapsulation (docs/spec/media.md#sealed). */
export interface MediaSeal {
  /** @param encoded see encodeMedia. @returns the pieces, in the order in which they are sent. */
  seal(encoded: Uint8Array): readonly Uint8Array[];
  /** @throws SealError if a piece is missing, was changed, or stands in another place. */
  open(pieces: readonly Uint8Array[]): Uint8Array;
}

const MEDIA_LABEL = utf8Encode('media');
/** Bytes of a piece before it is sealed, so that a sealed one is as long as a plain one. */
const PLAIN_BYTES = MEDIA_PIECE_BYTES - AEAD_TAG_BYTES;

/** @param keys of the encapsulation of the request. */
export function createMediaSeal(seal: Pick<SealPrimitives, 'encrypt' | 'decrypt'>, keys: Exporter): MediaSeal {
  const keyOf = (index: number, isLast: boolean): Uint8Array =>
    keys.export(
      concatBytes(
        MEDIA_LABEL,
        createWriter(5)
          .u32(index)
          .u8(isLast ? 1 : 0)
          .finish(),
      ),
    );
  return {
    seal(encoded) {
      const padded = pad(encoded, padToBucket);
      const count = Math.ceil(padded.length / PLAIN_BYTES);
      return Array.from({ length: count }, (_, i) =>
        seal.encrypt(keyOf(i, i === count - 1), padded.subarray(i * PLAIN_BYTES, (i + 1) * PLAIN_BYTES)),
      );
    },
    open(pieces) {
      if (pieces.length > MAX_MEDIA_PIECES) throw new SealError('too-large', `${pieces.length} pieces of media`);
      const opened = pieces.map((piece, i) => {
        const plain = seal.decrypt(keyOf(i, i === pieces.length - 1), piece);
        if (plain === undefined) throw new SealError('not-opened', `piece ${i} of the media was changed`);
        return plain;
      });
      return unpad(concatBytes(...opened), padToBucket);
    },
  };
}
