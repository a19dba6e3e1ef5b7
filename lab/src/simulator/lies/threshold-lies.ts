import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type EpochMessage, epochMessageFormat } from '@ogong/protocol/beacon/threshold/epoch-machine';
import { dealFormat } from '@ogong/protocol/beacon/threshold/key-deal';
import { type KeyMessage, keyMessageFormat } from '@ogong/protocol/beacon/threshold/key-message';
import { hashKeyStatement, type KeyStatement } from '@ogong/protocol/beacon/threshold/key-plan';
import { BeaconEnvelopeSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { settlementDomain } from '../chain/ledger.ts';
import { AGREEING } from '../network/sieve.ts';
import { listValidator, signingKeyOf } from '../roles/validator.ts';
import { createDraws } from '../world/draws.ts';
import type { World } from '../world/world.ts';
import { type KeyLie, SILENT_ONCE_KEYED } from './lie-names.ts';

interface Liar {
  readonly name: string;
  readonly index: number;
  /** Endpoints of validators that get no shares from it, for lies about a few validators. */
  readonly victims: ReadonlySet<string>;
}

/** Replaces the messages of a liar about the key and its epochs; undefined drops a message. */
export function plantThresholdLie(world: World, { name, index, victims }: Liar, how: KeyLie): void {
  const draws = createDraws(world.seed ^ 0x7468726c);
  const { address } = listValidator(world.seed, index);
  const network = { chainId: settlementDomain.chainId, settlement: settlementDomain.verifyingContract };
  const sign = (subject: KeyMessage, statement: KeyStatement): Uint8Array =>
    signingKeyOf(world.seed, index).signDigest(hashKeyStatement(world.crypto, network, subject, statement));
  /** Every second validator, always the same. */
  const isChosen = (to: string): boolean => Number(to.split(':')[0]?.split('.').at(-1)) % 2 === 1;

  function bendKey(message: KeyMessage, to: string): KeyMessage | undefined {
    const isOwnDeal = message.kind === 'deal' && message.box.length > 0;
    if (how === 'bad-shares' && isOwnDeal) return { ...message, box: message.box.map((byte) => byte ^ 1) };
    if (how === 'withholds-shares') {
      if (message.kind === 'answer') return undefined;
      return isOwnDeal && isChosen(to) ? { ...message, box: new Uint8Array(0) } : message;
    }
    if (SILENT_ONCE_KEYED.has(how)) {
      if (message.kind === 'answer') return how === 'proposes-early' || victims.has(to) ? undefined : message;
      return isOwnDeal && victims.has(to) ? { ...message, box: new Uint8Array(0) } : message;
    }
    if (how === 'two-deals' && message.kind === 'deal' && isChosen(to)) return dealOtherwise(message);
    if (how === 'complains' && message.kind === 'seen') return complain(message);
    return message;
  }

  /** Signs with its own key directly, because the guard of an honest signer refuses a second deal. */
  function dealOtherwise(message: KeyMessage & { readonly kind: 'deal' }): KeyMessage {
    const deal = dealFormat.decode(message.deal);
    if (!equalBytes(deal.dealer, address)) return message;
    const other = dealFormat.encode({ ...deal, ownBox: new Uint8Array(deal.ownBox.length) });
    const signature = sign(message, { kind: 'deal', dealHash: world.crypto.sha256(other) });
    return { ...message, deal: other, signature };
  }

  /** Complains about any validator without a reason. */
  function complain({ kind: _, deals: __, ...subject }: KeyMessage & { readonly kind: 'seen' }): KeyMessage {
    const seats = [...world.ledger.members()].sort((a, b) => Buffer.compare(a.address, b.address));
    const complainer = seats.findIndex((seat) => equalBytes(seat.address, address));
    const dealer = Math.floor(draws.next('complains of') * seats.length);
    const statement = { kind: 'complaint', dealer, complainer: Math.max(0, complainer) } as const;
    const signature = sign({ kind: 'seen', ...subject, deals: [] }, statement);
    return { ...subject, ...statement, signature };
  }

  function bendEpoch(message: EpochMessage, to: string): EpochMessage | undefined {
    // It helps to make a key, and is silent about its epochs.
    if (SILENT_ONCE_KEYED.has(how)) return undefined;
    if (message.kind !== 'partials') return message;
    if (how === 'withholds-parts' && isChosen(to)) return undefined;
    if (how === 'early-parts' && draws.next('early') < 0.5) return { ...message, epoch: message.epoch + 1n };
    return message;
  }

  world.network.tampers.set(name, ({ to, method, bytes }) => {
    if (!AGREEING.test(method)) return bytes;
    const { message } = fromBinary(BeaconEnvelopeSchema, bytes);
    const key = tryDecode(keyMessageFormat, message);
    if (key !== undefined) return wrap(keyMessageFormat, bendKey(key, to));
    const epoch = tryDecode(epochMessageFormat, message);
    return epoch === undefined ? bytes : wrap(epochMessageFormat, bendEpoch(epoch, to));
  });
}

interface Format<T> {
  encode(message: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

function tryDecode<T>({ decode }: Format<T>, bytes: Uint8Array): T | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

const wrap = <T>({ encode }: Format<T>, message: T | undefined): Uint8Array | undefined =>
  message && toBinary(BeaconEnvelopeSchema, create(BeaconEnvelopeSchema, { message: encode(message) }));
