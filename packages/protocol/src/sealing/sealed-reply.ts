import { concatBytes, createWriter, utf8Encode } from '../base/bytes.ts';
import { bytes, bytes16, createFormat, flag, hash, struct, u8, u32 } from '../base/codec.ts';
import { AEAD_TAG_BYTES, CAPSULE_BYTES, type KemKey } from '../crypto/seal-primitives.ts';
import { MAX_SEALED_REPLY_BYTES } from '../exchange/limits.ts';
import { createExporter, type Exporter, openExporter } from './key-schedule.ts';
import { pad, padUnit, unpad } from './padding.ts';
import { encodeSealContext, SEAL_SUITE } from './seal-context.ts';
import { SealError } from './seal-error.ts';
import { assertCommits, commitTo, decode, type ReplySecret, type SealTools } from './sealed-request.ts';

/** Of a message, in one unit. */
const MAX_PIECE_BYTES = 32_000;
const MAX_SEALED_UNIT = padUnit(MAX_PIECE_BYTES + 5) + AEAD_TAG_BYTES;

const headFormat = createFormat(
  struct({
    suite: u8,
    capsule: bytes(CAPSULE_BYTES),
    commit: hash,
  }),
  { tag: 'ogong-sealed-reply-v1' },
);

/** Always part of one stream, so without a tag: its key says which place it has in which stream. */
const unitFormat = createFormat(
  struct({
    index: u32,
    isLast: flag,
    sealed: bytes16(MAX_SEALED_UNIT),
  }),
  {},
);

const UNIT_LABEL = utf8Encode('unit');

/** A key for each place of the stream, and for whether it is the last one, so a unit opens nowhere else. */
function deriveUnitKey(
  keys: Exporter,
  { index, isLast }: { readonly index: number; readonly isLast: boolean },
): Uint8Array {
  const place = createWriter(5)
    .u32(index)
    .u8(isLast ? 1 : 0)
    .finish();
  return keys.export(concatBytes(UNIT_LABEL, place));
}

/** The provider's side of one reply. */
export interface ReplySealer {
  /** Goes ahead of all units. */
  readonly head: Uint8Array;
  /** The units of one message, in their order. Each is made once: a key seals one text. @param isLast no message follows. */
  seal(message: Uint8Array, options?: { readonly isLast?: boolean }): readonly Uint8Array[];
}

/** One encapsulation for the whole direction. @throws SealError where the reply key is malformed. */
export function createReplySealer(
  { seal }: Pick<SealTools, 'seal'>,
  { secret, replyKey }: { readonly secret: ReplySecret; readonly replyKey: Uint8Array },
): ReplySealer {
  const encapsulated = seal.encapsulate(replyKey);
  if (encapsulated === undefined) throw new SealError('malformed', 'the reply key is no key');
  const { capsule, shared } = encapsulated;
  const keys = createExporter(seal, { shared, info: encodeSealContext(secret.context), psk: secret.psk });
  let index = 0;
  let isOver = false;
  return {
    head: headFormat.encode({ suite: SEAL_SUITE, capsule, commit: commitTo(keys, capsule) }),
    seal(message, { isLast: isEnd = false } = {}) {
      if (isOver) throw new SealError('out-of-order', 'the stream is over');
      const units: Uint8Array[] = [];
      let at = 0;
      do {
        const piece = message.subarray(at, at + MAX_PIECE_BYTES);
        at += piece.length;
        const isWhole = at >= message.length;
        const place = { index: index++, isLast: isEnd && isWhole };
        const inside = concatBytes(Uint8Array.of(isWhole ? 0 : 1), piece);
        const sealed = seal.encrypt(deriveUnitKey(keys, place), pad(inside, padUnit));
        units.push(unitFormat.encode({ ...place, sealed }));
      } while (at < message.length);
      isOver = isEnd;
      return units;
    },
  };
}

/** The consumer's side. */
export interface ReplyOpener {
  /** @returns a message that is whole by this unit, undefined where it goes on. @throws SealError; then the stream is worth nothing more. */
  open(unit: Uint8Array): Uint8Array | undefined;
  /** @throws SealError `truncated` where the last unit has not come. */
  end(): void;
  /** What opens the units of this reply, and nothing else, for whoever is shown it. */
  readonly exporterSecret: Uint8Array;
}

/**
 * Opens units in their order and nothing else: a gap, a repeat, a change or an end without the last unit fails.
 * @throws SealError where the head is not for this request, or of nobody who opened it.
 */
export function createReplyOpener(
  { seal }: Pick<SealTools, 'seal'>,
  {
    secret,
    replyKey,
    head,
    maxBytes = MAX_SEALED_REPLY_BYTES,
  }: {
    readonly secret: ReplySecret;
    readonly replyKey: Pick<KemKey, 'decapsulate'>;
    readonly head: Uint8Array;
    /** Of all messages. */
    readonly maxBytes?: number;
  },
): ReplyOpener {
  const { suite, capsule, commit } = decode(headFormat, head);
  if (suite !== SEAL_SUITE) throw new SealError('malformed', `seal suite ${suite}`);
  const shared = replyKey.decapsulate(capsule);
  if (shared === undefined) throw new SealError('malformed', 'the capsule is none');
  const keys = createExporter(seal, { shared, info: encodeSealContext(secret.context), psk: secret.psk });
  return createUnitOpener(seal, keys, { capsule, commit, maxBytes });
}

/**
 * The same for a third party that is shown the exporter secret of one reply: the head commits to it.
 * @throws SealError where the secret is of another reply.
 */
export function openDisclosedReply(
  { seal }: Pick<SealTools, 'seal'>,
  { exporterSecret, head }: { readonly exporterSecret: Uint8Array; readonly head: Uint8Array },
): ReplyOpener {
  const { suite, capsule, commit } = decode(headFormat, head);
  if (suite !== SEAL_SUITE) throw new SealError('malformed', `seal suite ${suite}`);
  return createUnitOpener(seal, openExporter(seal, exporterSecret), {
    capsule,
    commit,
    maxBytes: MAX_SEALED_REPLY_BYTES,
  });
}

function createUnitOpener(
  seal: SealTools['seal'],
  keys: Exporter,
  {
    capsule,
    commit,
    maxBytes,
  }: { readonly capsule: Uint8Array; readonly commit: Uint8Array; readonly maxBytes: number },
): ReplyOpener {
  assertCommits(keys, capsule, commit);
  let next = 0;
  let isOver = false;
  let openedBytes = 0;
  let pieces: Uint8Array[] = [];
  return {
    exporterSecret: keys.secret,
    open(unit) {
      const { index, isLast, sealed } = decode(unitFormat, unit);
      if (isOver || index !== next) {
        throw new SealError('out-of-order', isOver ? 'a unit after the last' : `unit ${index} in place of ${next}`);
      }
      const padded = seal.decrypt(deriveUnitKey(keys, { index, isLast }), sealed);
      if (padded === undefined) throw new SealError('not-opened', `unit ${index} was changed`);
      const inside = unpad(padded, padUnit);
      const goesOn = inside[0];
      if (goesOn === undefined || goesOn > 1 || (goesOn === 1 && isLast)) {
        throw new SealError('malformed', `unit ${index} holds no piece of a message`);
      }
      next++;
      isOver = isLast;
      openedBytes += inside.length;
      if (openedBytes > maxBytes) throw new SealError('too-large', `a reply of more than ${maxBytes} bytes`);
      pieces.push(inside.subarray(1));
      if (goesOn === 1) return undefined;
      const message = concatBytes(...pieces);
      pieces = [];
      return message;
    },
    end() {
      if (!isOver) throw new SealError('truncated', `the reply broke off after ${next} units`);
    },
  };
}
