import { concatBytes, createWriter, utf8Encode } from '../base/bytes.ts';
import { bytes, bytes16, createFormat, flag, hash, struct, u8, u32 } from '../base/codec.ts';
import { AEAD_TAG_BYTES, CAPSULE_BYTES, type Encapsulated, type KemKey } from '../crypto/seal-primitives.ts';
import { MAX_SEALED_REPLY_BYTES } from '../exchange/limits.ts';
import { createExporter, type Exporter, openExporter } from './key-schedule.ts';
import { pad, padUnit, unpad } from './padding.ts';
import { encodeSealContext, SEAL_SUITE } from './seal-context.ts';
import { SealError } from './seal-error.ts';
import { assertCommits, commitTo, decode, type ReplySecret, type SealTools } from './sealed-request.ts';

/** The largest piece of a message in one unit. */
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

/** The format of a unit. It is always part of one stream, so it has no tag: its key binds it to its place in the stream. */
const unitFormat = createFormat(
  struct({
    index: u32,
    isLast: flag,
    sealed: bytes16(MAX_SEALED_UNIT),
  }),
  {},
);

/** The format of a unit with its own encapsulation and key commitment. */
const capsuledFormat = createFormat(
  struct({
    index: u32,
    isLast: flag,
    capsule: bytes(CAPSULE_BYTES),
    commit: hash,
    sealed: bytes16(MAX_SEALED_UNIT),
  }),
  {},
);

const UNIT_LABEL = utf8Encode('unit');
const UNIT_PSK_LABEL = utf8Encode('unit-psk');

interface UnitPlace {
  readonly index: number;
  readonly isLast: boolean;
}

/** Derives the key for each place of the stream, and for whether it is the last one. So a unit opens nowhere else. */
function deriveAt(keys: Exporter, label: Uint8Array, { index, isLast }: UnitPlace): Uint8Array {
  const place = createWriter(5)
    .u32(index)
    .u8(isLast ? 1 : 0)
    .finish();
  return keys.export(concatBytes(label, place));
}

/** The sealing of units under a suite. Units use the secret of the stream, and their own encapsulation in suite 2. */
interface UnitCodec {
  seal(keys: Exporter, place: UnitPlace, padded: Uint8Array, replyKey: Uint8Array): Uint8Array;
  read(unit: Uint8Array): UnitPlace & { open(keys: Exporter, replyKey: UnitKey): Uint8Array | undefined };
}

type UnitKey = Pick<KemKey, 'decapsulate'>;

function createUnitCodec(seal: SealTools['seal'], { secret }: { readonly secret: ReplySecret | undefined }): UnitCodec {
  if (secret === undefined || secret.context.suite === SEAL_SUITE) {
    return {
      seal: (keys, place, padded) =>
        unitFormat.encode({ ...place, sealed: seal.encrypt(deriveAt(keys, UNIT_LABEL, place), padded) }),
      read(unit) {
        const { index, isLast, sealed } = decode(unitFormat, unit);
        const open = (keys: Exporter) => seal.decrypt(deriveAt(keys, UNIT_LABEL, { index, isLast }), sealed);
        return { index, isLast, open };
      },
    };
  }
  const { context, psk } = secret;
  const info = encodeSealContext(context);
  /** Creates the keys of one unit. They reveal nothing about another unit. */
  const openKeys = (keys: Exporter, place: UnitPlace, shared: Uint8Array): Exporter =>
    createExporter(seal, { shared, info, psk: { key: deriveAt(keys, UNIT_PSK_LABEL, place), id: psk.id } });
  return {
    seal(keys, place, padded, replyKey) {
      const { capsule, shared } = encapsulate(seal, replyKey);
      const own = openKeys(keys, place, shared);
      const sealed = seal.encrypt(deriveAt(own, UNIT_LABEL, place), padded);
      return capsuledFormat.encode({ ...place, capsule, commit: commitTo(own, capsule), sealed });
    },
    read(unit) {
      const { index, isLast, capsule, commit, sealed } = decode(capsuledFormat, unit);
      return {
        ...{ index, isLast },
        open(keys, replyKey) {
          const shared = replyKey.decapsulate(capsule);
          if (shared === undefined) throw new SealError('malformed', 'the capsule is none');
          const own = openKeys(keys, { index, isLast }, shared);
          assertCommits(own, capsule, commit);
          return seal.decrypt(deriveAt(own, UNIT_LABEL, { index, isLast }), sealed);
        },
      };
    },
  };
}

/** @throws SealError for a malformed reply key. */
function encapsulate(seal: SealTools['seal'], replyKey: Uint8Array): Encapsulated {
  const encapsulated = seal.encapsulate(replyKey);
  if (encapsulated === undefined) throw new SealError('malformed', 'the reply key is no key');
  return encapsulated;
}

/** The provider's side of one reply. */
export interface ReplySealer {
  readonly suite: number;
  /** The head, sent before all units. */
  readonly head: Uint8Array;
  /**
   * Seals one message into units, in order. Call it once for each message, because a key seals one text. @param isLast no
   * message follows.
   */
  seal(message: Uint8Array, options?: { readonly isLast?: boolean }): readonly Uint8Array[];
}

/**
 * Creates a sealer with one encapsulation for the whole direction. Suite 2 adds one for each unit. @throws SealError for a
 * malformed reply key.
 */
export function createReplySealer(
  { seal }: Pick<SealTools, 'seal'>,
  { secret, replyKey }: { readonly secret: ReplySecret; readonly replyKey: Uint8Array },
): ReplySealer {
  const { capsule, shared } = encapsulate(seal, replyKey);
  const keys = createExporter(seal, { shared, info: encodeSealContext(secret.context), psk: secret.psk });
  const codec = createUnitCodec(seal, { secret });
  const { suite } = secret.context;
  let index = 0;
  let isOver = false;
  return {
    suite,
    head: headFormat.encode({ suite, capsule, commit: commitTo(keys, capsule) }),
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
        units.push(codec.seal(keys, place, pad(inside, padUnit), replyKey));
      } while (at < message.length);
      isOver = isEnd;
      return units;
    },
  };
}

/** The consumer's side. */
export interface ReplyOpener {
  /** @returns a message that this unit completes, undefined if it continues. @throws SealError; then the stream is invalid. */
  open(unit: Uint8Array): Uint8Array | undefined;
  /** @throws SealError `truncated` if the last unit has not come. */
  end(): void;
  /** The secret that opens the units of this reply, and nothing else, for a third party. */
  readonly exporterSecret: Uint8Array;
}

/**
 * Opens units in their order only. A gap, a repeat, a change or an end without the last unit fails.
 * @throws SealError if the head is not for this request, or its author did not open the request.
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
    /** The most bytes of all messages. */
    readonly maxBytes?: number;
  },
): ReplyOpener {
  const { suite, capsule, commit } = decode(headFormat, head);
  const asked = secret.context.suite;
  if (suite !== asked)
    throw new SealError('malformed', `the reply is of seal suite ${suite}, and ${asked} was asked for`);
  const shared = replyKey.decapsulate(capsule);
  if (shared === undefined) throw new SealError('malformed', 'the capsule is none');
  const keys = createExporter(seal, { shared, info: encodeSealContext(secret.context), psk: secret.psk });
  const codec = createUnitCodec(seal, { secret });
  return createUnitOpener(keys, { capsule, commit, maxBytes, codec, replyKey });
}

/**
 * Opens a reply for a third party with its exporter secret. The head commits to the secret.
 * @throws SealError if the secret belongs to another reply.
 */
export function openDisclosedReply(
  { seal }: Pick<SealTools, 'seal'>,
  { exporterSecret, head }: { readonly exporterSecret: Uint8Array; readonly head: Uint8Array },
): ReplyOpener {
  const { suite, capsule, commit } = decode(headFormat, head);
  // In the other suite each secret opens only one unit.
  if (suite !== SEAL_SUITE)
    throw new SealError('malformed', `a reply of seal suite ${suite} is opened by no one secret`);
  return createUnitOpener(openExporter(seal, exporterSecret), {
    ...{ capsule, commit, maxBytes: MAX_SEALED_REPLY_BYTES },
    codec: createUnitCodec(seal, { secret: undefined }),
    replyKey: { decapsulate: () => undefined },
  });
}

function createUnitOpener(
  keys: Exporter,
  {
    capsule,
    commit,
    maxBytes,
    codec,
    replyKey,
  }: {
    readonly capsule: Uint8Array;
    readonly commit: Uint8Array;
    readonly maxBytes: number;
    readonly codec: UnitCodec;
    readonly replyKey: UnitKey;
  },
): ReplyOpener {
  assertCommits(keys, capsule, commit);
  let next = 0;
  let isOver = false;
  let openedBytes = 0;
  let pieces: Uint8Array[] = [];
  return {
    exporterSecret: keys.secret,
    open(unit) {
      const { index, isLast, open } = codec.read(unit);
      if (isOver || index !== next) {
        throw new SealError('out-of-order', isOver ? 'a unit after the last' : `unit ${index} in place of ${next}`);
      }
      const padded = open(keys, replyKey);
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
