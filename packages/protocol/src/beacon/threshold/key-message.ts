import {
  bytes,
  bytes32,
  type CodecType,
  createFormat,
  type Format,
  hash,
  list,
  struct,
  u16,
  union,
} from '../../base/codec.ts';
import { BLS_SIGNATURE_BYTES } from '../../crypto/bls.ts';
import { SCALAR_BYTES, scalarCodec } from '../../crypto/bls-scalar.ts';
import { SEALED_BOX_OVERHEAD_BYTES } from '../../crypto/sealed-box.ts';
import { MAX_DEAL_BYTES } from './key-deal.ts';
import { certifiedFields, outcomeFields } from './key-outcome.ts';
import { keySubjectFields } from './key-plan.ts';
import { MAX_COMMITTEE_MEMBERS, MAX_TICKETS } from './tickets.ts';

/** The most shares of one receiver in one deal: rows times tickets. */
const MAX_SHARES = 1 << 14;
const MAX_BOX_BYTES = SEALED_BOX_OVERHEAD_BYTES + SCALAR_BYTES * MAX_SHARES;
/** A limit above the contents of every message. */
export const MAX_KEY_MESSAGE_BYTES = MAX_DEAL_BYTES + MAX_BOX_BYTES + 4096;

const subject = keySubjectFields;
const signature = bytes(65);
/** An index in the list of dealers, or of committee members. */
const place = u16;

const messageCodec = union('kind', {
  /** A deal, signed by its dealer. From the dealer with the receiver's box; from others without. */
  deal: struct({ ...subject, deal: bytes32(MAX_DEAL_BYTES), signature, box: bytes32(MAX_BOX_BYTES) }),
  /** The deals that the sender has. */
  seen: struct({
    ...subject,
    deals: list(struct({ dealer: place, dealHash: hash }), {
      ...{ count: u16, max: MAX_COMMITTEE_MEMBERS },
      ascending: (a: { readonly dealer: number }, b: { readonly dealer: number }) => a.dealer - b.dealer,
    }),
  }),
  /** The complainer has no valid shares of the dealer. It is signed, so that others can hand it on. */
  complaint: struct({ ...subject, dealer: place, complainer: place, signature }),
  /** The complainer's shares, visible to all. The commitments prove them. */
  answer: struct({
    ...subject,
    ...{ dealer: place, complainer: place, dealHash: hash },
    shares: list(scalarCodec, { count: u16, min: 1, max: MAX_SHARES }),
  }),
  /** Asks for a dealer's deal. */
  want: struct({ ...subject, dealer: place }),
  proposal: struct({ ...subject, turn: u16, ...outcomeFields }),
  vote: struct({ ...subject, outcomeHash: hash, signature }),
  /** The outcome is agreed on. */
  certified: struct({ ...subject, ...certifiedFields }),
  /** Parts of the signature that activates it, one for each ticket of the sender. */
  activation: struct({
    ...subject,
    outcomeHash: hash,
    partials: list(struct({ ticket: u16, signature: bytes(BLS_SIGNATURE_BYTES) }), {
      ...{ count: u16, min: 1, max: MAX_TICKETS },
      ascending: (a: { readonly ticket: number }, b: { readonly ticket: number }) => a.ticket - b.ticket,
    }),
  }),
  /** The outcome, and the whole signature that activates it. */
  activated: struct({ ...subject, ...certifiedFields, activation: bytes(BLS_SIGNATURE_BYTES) }),
});

/** The messages by which validators make a key. The link identifies the sender. */
export type KeyMessage = CodecType<typeof messageCodec>;
export type KeyMessageOf<K extends KeyMessage['kind']> = Extract<KeyMessage, { readonly kind: K }>;

export const keyMessageFormat: Format<KeyMessage> = createFormat(messageCodec, {
  ...{ tag: 'ogong-beacon-key-message-v1', maxBytes: MAX_KEY_MESSAGE_BYTES },
});

/** The entries that a validator stores before it sends any message that follows from them. It resumes from these. */
const entryCodec = union('kind', {
  /** Its polynomials. Secret. */
  secret: struct({ secret: bytes32(SCALAR_BYTES * (MAX_TICKETS + 1)) }),
  /** Its own deal, as it was signed. */
  own: struct({ deal: bytes32(MAX_DEAL_BYTES), signature }),
  /** A message that changed the state. */
  heard: struct({ from: bytes(20), message: bytes32(MAX_KEY_MESSAGE_BYTES) }),
});

export type KeyEntry = CodecType<typeof entryCodec>;

export const keyEntryFormat: Format<KeyEntry> = createFormat(entryCodec, { tag: 'ogong-beacon-key-entry-v1' });
