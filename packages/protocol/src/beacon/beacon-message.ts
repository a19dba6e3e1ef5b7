import { createReader, createWriter, ProtocolError, type Reader, type Writer } from '../base/bytes.ts';
import { encodeDomain, readDomain, readFlag } from '../base/canonical.ts';
import { VRF_PROOF_BYTES } from '../crypto/vrf.ts';
import {
  type BeaconCertificate,
  type BeaconContribution,
  type BeaconPhase,
  encodeBeaconCertificate,
  parseBeaconCertificate,
  readContributions,
  writeContributions,
} from './beacon.ts';

/** A value that a quorum prepared in some view: a certificate in shape, with signatures of the prepare phase. */
export type PreparedValue = BeaconCertificate;

/** What validators say to each other to agree on a beacon value; who says it is known from the link. */
export type BeaconMessage =
  | {
      readonly kind: 'contribution-request';
      readonly epoch: bigint;
      readonly view: number;
      readonly previous: Uint8Array;
    }
  | {
      readonly kind: 'contribution';
      readonly epoch: bigint;
      readonly view: number;
      readonly proof: Uint8Array;
      /** The latest prepared value that the sender committed to in this epoch. */
      readonly lock: PreparedValue | undefined;
    }
  | {
      readonly kind: 'proposal';
      readonly epoch: bigint;
      readonly view: number;
      readonly previous: Uint8Array;
      readonly contributions: readonly BeaconContribution[];
      /** Where the value was prepared in an earlier view: the proof of it. */
      readonly justify: PreparedValue | undefined;
    }
  | {
      readonly kind: 'vote';
      readonly phase: BeaconPhase;
      readonly epoch: bigint;
      readonly view: number;
      readonly value: Uint8Array;
      readonly signature: Uint8Array;
    }
  | { readonly kind: 'prepared'; readonly epoch: bigint; readonly view: number; readonly prepared: PreparedValue }
  | { readonly kind: 'certificate'; readonly epoch: bigint; readonly certificate: BeaconCertificate }
  | { readonly kind: 'certificate-request'; readonly epoch: bigint };

export type BeaconMessageKind = BeaconMessage['kind'];

const DOMAIN = encodeDomain('ogong-beacon-message-v1');
const KINDS: readonly BeaconMessageKind[] = [
  'contribution-request',
  'contribution',
  'proposal',
  'vote',
  'prepared',
  'certificate',
  'certificate-request',
];
const PHASES: readonly BeaconPhase[] = ['prepare', 'commit'];
/** 1,024 validators' contributions and signatures, and some. */
const MAX_CERTIFICATE_BYTES = 1 << 18;

export function encodeBeaconMessage(message: BeaconMessage): Uint8Array {
  const writer = createWriter().bytes(DOMAIN).u8(KINDS.indexOf(message.kind)).u64(message.epoch);
  switch (message.kind) {
    case 'contribution-request':
      writer.u32(message.view).bytes(message.previous, 32);
      break;
    case 'contribution':
      writer.u32(message.view).bytes(message.proof, VRF_PROOF_BYTES);
      writeOptional(writer, message.lock);
      break;
    case 'proposal':
      writer.u32(message.view).bytes(message.previous, 32);
      writeContributions(writer, message.contributions);
      writeOptional(writer, message.justify);
      break;
    case 'vote':
      writer.u8(PHASES.indexOf(message.phase)).u32(message.view).bytes(message.value, 32).bytes(message.signature, 65);
      break;
    case 'prepared':
      writer.u32(message.view).bytes32(encodeBeaconCertificate(message.prepared));
      break;
    case 'certificate':
      writer.bytes32(encodeBeaconCertificate(message.certificate));
      break;
    case 'certificate-request':
      break;
  }
  return writer.finish();
}

/** @throws ProtocolError */
export function parseBeaconMessage(bytes: Uint8Array): BeaconMessage {
  const reader = createReader(bytes);
  readDomain(reader, DOMAIN, 'beacon message');
  const kind = KINDS[reader.u8()];
  if (kind === undefined) throw new ProtocolError('unsupported', 'unknown kind of beacon message');
  const message = readBody(reader, kind, reader.u64());
  reader.end();
  return message;
}

function readBody(reader: Reader, kind: BeaconMessageKind, epoch: bigint): BeaconMessage {
  switch (kind) {
    case 'contribution-request':
      return { kind, epoch, view: reader.u32(), previous: reader.bytes(32) };
    case 'contribution':
      return {
        kind,
        epoch,
        view: reader.u32(),
        proof: reader.bytes(VRF_PROOF_BYTES),
        lock: readOptional(reader, epoch),
      };
    case 'proposal': {
      const [view, previous] = [reader.u32(), reader.bytes(32)];
      return {
        kind,
        epoch,
        view,
        previous,
        contributions: readContributions(reader),
        justify: readOptional(reader, epoch),
      };
    }
    case 'vote': {
      const phase = PHASES[reader.u8()];
      if (phase === undefined) throw new ProtocolError('malformed', 'unknown phase');
      return { kind, phase, epoch, view: reader.u32(), value: reader.bytes(32), signature: reader.bytes(65) };
    }
    case 'prepared':
      return { kind, epoch, view: reader.u32(), prepared: readCertificate(reader, epoch) };
    case 'certificate':
      return { kind, epoch, certificate: readCertificate(reader, epoch) };
    case 'certificate-request':
      return { kind, epoch };
  }
}

function writeOptional(writer: Writer, prepared: PreparedValue | undefined): void {
  if (prepared === undefined) writer.u8(0);
  else writer.u8(1).bytes32(encodeBeaconCertificate(prepared));
}

function readOptional(reader: Reader, epoch: bigint): PreparedValue | undefined {
  return readFlag(reader) ? readCertificate(reader, epoch) : undefined;
}

function readCertificate(reader: Reader, epoch: bigint): BeaconCertificate {
  const certificate = parseBeaconCertificate(reader.bytes32(MAX_CERTIFICATE_BYTES));
  if (certificate.epoch !== epoch) throw new ProtocolError('malformed', 'certificate of another epoch');
  return certificate;
}
