import { equalBytes } from '../../base/bytes.ts';
import {
  bytes,
  type CodecType,
  createFormat,
  type Format,
  list,
  struct,
  u16,
  u32,
  u64,
  within,
} from '../../base/codec.ts';
import { BLS_SIGNATURE_BYTES, type Bls, type BlsKeys } from '../../crypto/bls.ts';
import { computeLagrangeWeights } from '../../crypto/bls-scalar.ts';
import type { BeaconNetwork } from '../beacon.ts';
import { type Committee, findCommitteeMember, listTickets } from './members.ts';
import { encodeEpochMessage } from './threshold-value.ts';
import { MAX_TICKETS } from './tickets.ts';

/** The signers of a generation in an era, and the keys that verify their parts. */
export interface ThresholdGroup {
  readonly generation: number;
  readonly era: number;
  readonly seats: Committee;
  /** Commitments to the polynomial, as many as the threshold. Its value at 0 is the key, and at ticket j the share of j. */
  readonly commitments: BlsKeys;
}

export function keyOf({ commitments }: ThresholdGroup): Uint8Array {
  return commitments.bytes[0] as Uint8Array;
}

const ticket = within(u16, 1, MAX_TICKETS);

export const partialsCodec = struct({
  generation: u32,
  era: u32,
  epoch: u64,
  partials: list(struct({ ticket, signature: bytes(BLS_SIGNATURE_BYTES) }), {
    ...{ count: u16, min: 1, max: MAX_TICKETS },
    ascending: (a: { readonly ticket: number }, b: { readonly ticket: number }) => a.ticket - b.ticket,
  }),
});

/** One validator's parts of an epoch's signature, one for each of its tickets. */
export interface Partials extends CodecType<typeof partialsCodec> {}

export const partialsFormat: Format<Partials> = createFormat(partialsCodec, { tag: 'ogong-beacon-partials-v1' });

/** A share of the key by its ticket. */
export interface KeyShare {
  readonly ticket: number;
  readonly scalar: bigint;
}

export function signPartials(
  bls: Pick<Bls, 'sign'>,
  network: BeaconNetwork,
  { generation, era, epoch, shares }: Omit<Partials, 'partials'> & { readonly shares: readonly KeyShare[] },
): Partials {
  const message = encodeEpochMessage(network, { generation, epoch });
  const partials = shares.map(({ ticket: own, scalar }) => ({ ticket: own, signature: bls.sign(scalar, message) }));
  return { generation, era, epoch, partials: partials.sort((a, b) => a.ticket - b.ticket) };
}

/**
 * Returns whether the share of a ticket signed the message. A signature outside the subgroup, or of another message, does not
 * count.
 */
export function verifyPartial(
  bls: Pick<Bls, 'verify' | 'evaluateKeys'>,
  group: ThresholdGroup,
  { message, ticket: at, signature }: { message: Uint8Array; ticket: number; signature: Uint8Array },
): boolean {
  return bls.verify(bls.evaluateKeys(group.commitments, at), message, signature);
}

/** One ticket's part of a signature. */
export type Partial = Partials['partials'][number];
export type PartialsRefusal = 'other-group' | 'no-seat' | 'foreign-ticket' | 'bad-signature' | 'known';

export interface SignatureCollector {
  /** The signature under the key of the generation, once T tickets have signed. */
  readonly signature: Uint8Array | undefined;
  /** Accounts whose parts turned out to be wrong. */
  readonly liars: readonly Uint8Array[];
  /** Adds parts. @param from account at the other end of the link. @returns the reason of a refusal, if there is one. */
  add(from: Uint8Array, partials: readonly Partial[]): PartialsRefusal | undefined;
}

interface Part extends Partial {
  readonly from: Uint8Array;
  isChecked: boolean;
}

/**
 * Gathers parts of the signature of one message. T of them are combined unchecked and the result is checked: one pairing. Only
 * if that fails, each part is checked. Wrong parts are dropped, and their senders are ignored from then on.
 */
export function createSignatureCollector(
  bls: Bls,
  { group, message }: { readonly group: ThresholdGroup; readonly message: Uint8Array },
): SignatureCollector {
  const parts = new Map<number, Part>();
  const liars: Uint8Array[] = [];
  let signature: Uint8Array | undefined;

  function combine(): void {
    const { threshold } = group.seats;
    while (signature === undefined && parts.size >= threshold) {
      const chosen = [...parts.values()].sort((a, b) => Number(b.isChecked) - Number(a.isChecked)).slice(0, threshold);
      const weights = computeLagrangeWeights(chosen.map((part) => part.ticket));
      const sum = bls.combineSignatures(
        chosen.map((part) => part.signature),
        weights,
      );
      if (sum !== undefined && bls.verify(keyOf(group), message, sum)) signature = sum;
      else if (!dropWrong()) return;
    }
  }

  /** Drops wrong parts. @returns whether there was one. */
  function dropWrong(): boolean {
    const before = parts.size;
    for (const part of parts.values()) {
      if (part.isChecked) continue;
      part.isChecked = verifyPartial(bls, group, { message, ...part });
      if (part.isChecked) continue;
      parts.delete(part.ticket);
      if (!isLiar(part.from)) liars.push(part.from);
    }
    return parts.size < before;
  }

  const isLiar = (from: Uint8Array): boolean => liars.some((liar) => equalBytes(liar, from));

  return {
    get signature() {
      return signature;
    },
    liars,
    add(from, partials) {
      const seat = group.seats.seats[findCommitteeMember(group.seats, from)];
      if (seat === undefined) return 'no-seat';
      if (isLiar(from)) return 'bad-signature';
      const own = new Set(listTickets(seat));
      if (partials.some((part) => !own.has(part.ticket))) return 'foreign-ticket';
      const added = partials.filter((part) => !parts.has(part.ticket));
      if (added.length === 0) return 'known';
      for (const part of added) parts.set(part.ticket, { ...part, from, isChecked: false });
      if (signature === undefined) combine();
      return isLiar(from) ? 'bad-signature' : undefined;
    },
  };
}

export interface EpochCollector extends Pick<SignatureCollector, 'signature' | 'liars'> {
  add(from: Uint8Array, partials: Partials): PartialsRefusal | undefined;
}

/** Gathers the parts of one epoch's signature. */
export function createEpochCollector(
  { bls, network }: { readonly bls: Bls; readonly network: BeaconNetwork },
  { group, epoch }: { readonly group: ThresholdGroup; readonly epoch: bigint },
): EpochCollector {
  const { generation, era } = group;
  const collector = createSignatureCollector(bls, {
    group,
    message: encodeEpochMessage(network, { generation, epoch }),
  });
  return {
    get signature() {
      return collector.signature;
    },
    liars: collector.liars,
    add(from, sent) {
      if (sent.generation !== generation || sent.era !== era || sent.epoch !== epoch) return 'other-group';
      return collector.add(from, sent.partials);
    },
  };
}
