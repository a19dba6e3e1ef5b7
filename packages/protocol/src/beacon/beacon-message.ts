import { ProtocolError } from '../base/bytes.ts';
import {
  bytes,
  type Codec,
  type CodecType,
  createFormat,
  embedded,
  hash,
  oneOf,
  optional,
  refine,
  struct,
  u32,
  u64,
  union,
} from '../base/codec.ts';
import { VRF_PROOF_BYTES } from '../crypto/vrf.ts';
import {
  type BeaconCertificate,
  type BeaconPhase,
  type BeaconStatement,
  certificateFormat,
  contributionList,
} from './beacon.ts';
import { memberList } from './validator-set.ts';

/** A value that a quorum prepared in some view: a certificate in shape, with signatures of the prepare phase. */
export type PreparedValue = BeaconCertificate;

const PHASES: readonly BeaconPhase[] = ['prepare', 'commit'];
/** Room for the contributions and signatures of 1,024 validators, and a little more. */
const MAX_CERTIFICATE_BYTES = 1 << 18;
const certificate: Codec<BeaconCertificate> = embedded(certificateFormat, MAX_CERTIFICATE_BYTES);

const messageCodec = union('kind', {
  /** The sender has entered a view. From the view's proposer it asks for a contribution as well. */
  view: struct({ epoch: u64, view: u32, previous: hash, set: hash }),
  contribution: struct({
    epoch: u64,
    view: u32,
    proof: bytes(VRF_PROOF_BYTES),
    /** The latest prepared value that the sender committed to in this epoch. */
    lock: optional<PreparedValue>(certificate),
  }),
  proposal: struct({
    epoch: u64,
    view: u32,
    previous: hash,
    set: hash,
    /** Hash of the validators that the registry listed at `block`: those of the epoch after the next. */
    next: hash,
    block: u64,
    contributions: contributionList,
    /** Proof that the value was prepared in an earlier view, if it was. */
    justify: optional<PreparedValue>(certificate),
  }),
  vote: struct({ epoch: u64, phase: oneOf(PHASES), view: u32, value: hash, signature: bytes(65) }),
  prepared: struct({ epoch: u64, view: u32, prepared: certificate }),
  certificate: struct({ epoch: u64, certificate }),
  'certificate-request': struct({ epoch: u64 }),
  /** Asks for the members of a set that a certificate names. */
  'set-request': struct({ epoch: u64, set: hash }),
  /** The members of a set. Their hash proves that they are the requested ones. */
  set: struct({ epoch: u64, members: memberList }),
});

/** The messages by which validators agree on a beacon value. The link identifies the sender. */
export type BeaconMessage = CodecType<typeof messageCodec>;

const messageFormat = createFormat(refine(messageCodec, assertOneEpoch), { tag: 'ogong-beacon-message-v1' });

export const encodeBeaconMessage: (message: BeaconMessage) => Uint8Array = messageFormat.encode;
export const parseBeaconMessage: (bytes: Uint8Array) => BeaconMessage = messageFormat.decode;

function assertOneEpoch(message: BeaconMessage): void {
  const carried =
    message.kind === 'contribution'
      ? message.lock
      : message.kind === 'proposal'
        ? message.justify
        : message.kind === 'prepared'
          ? message.prepared
          : message.kind === 'certificate'
            ? message.certificate
            : undefined;
  if (carried !== undefined && carried.epoch !== message.epoch) {
    throw new ProtocolError('malformed', 'certificate of another epoch');
  }
}

/** Returns the message of a signed vote. */
export function voteMessage(
  { phase, statement }: { readonly phase: BeaconPhase; readonly statement: BeaconStatement },
  signature: Uint8Array,
): BeaconMessage {
  const { epoch, view, value } = statement;
  return { kind: 'vote', phase, epoch, view, value, signature };
}
