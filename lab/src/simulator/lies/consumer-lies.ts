import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { signComplaint } from '@ogong/protocol/exchange/complaint';
import { parseDelivery, signDelivery } from '@ogong/protocol/exchange/delivery';
import { hashOrder, parseOrder } from '@ogong/protocol/exchange/order';
import {
  AcknowledgeAllRequestSchema,
  type AcknowledgeRequest,
  AcknowledgeRequestSchema,
  ComplainRequestSchema,
  ProveComplaintRequestSchema,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { escrowDomain as ledger } from '../chain/ledger.ts';
import { placeOf } from '../roles/serving.ts';
import { createDraws } from '../world/draws.ts';
import type { World } from '../world/world.ts';
import { flipBit } from './flip-bit.ts';

const GARBLED_SHARE = 0.3;
const REPLAYED_AFTER_MS = [3_000, 20_000];
const CALL_MS = 10_000;
const OPENING_BYTES = 4_096;
const LISTED = '/AcknowledgeAll';

/** The address and certificate of the called machine. */
interface Place {
  readonly to: string;
  readonly certHash: Uint8Array;
}

/** A gateway that lies as a payer, on its own wire: with its own key, and with messages that no gateway sends. */
export function plantConsumerLie(
  world: World,
  { name, index, providers }: { readonly name: string; readonly index: number; readonly providers: number },
  how: string,
): void {
  const { network, crypto, time } = world;
  const { account, identity } = placeOf(world, 'gateway', index);
  const draws = createDraws(world.seed ^ 0x70617965);

  let isOwn = false;

  /** A call of its own, whose answer it does not read. */
  function call({ to, certHash }: Place, method: string, bytes: Uint8Array, delayMs = 1): void {
    time.plan(delayMs, () => {
      isOwn = true;
      network.send({
        ...{ to, certHash, caller: identity.id, method, bytes, timeoutMs: CALL_MS },
        ...{ onAnswer: () => undefined, onLost: () => undefined },
      });
      isOwn = false;
    });
  }

  const readDeliveries = (method: string, bytes: Uint8Array): readonly AcknowledgeRequest[] =>
    method.endsWith(LISTED)
      ? fromBinary(AcknowledgeAllRequestSchema, bytes).told
      : [fromBinary(AcknowledgeRequestSchema, bytes)];

  function bendDeliveries(method: string, bytes: Uint8Array, bend: (message: AcknowledgeRequest) => void): Uint8Array {
    const told = readDeliveries(method, bytes);
    told.forEach(bend);
    if (method.endsWith(LISTED))
      return toBinary(AcknowledgeAllRequestSchema, create(AcknowledgeAllRequestSchema, { told: [...told] }));
    return toBinary(AcknowledgeRequestSchema, told[0] as AcknowledgeRequest);
  }

  /** Says that it was given a record that nobody has signed. */
  function contradict(message: AcknowledgeRequest): void {
    if (message.record === undefined || message.delivery === undefined) return;
    message.record.record = flipBit(message.record.record, draws);
    const delivery = parseDelivery(message.delivery.delivery);
    const recordHash = hashRecord(crypto, message.record.record);
    Object.assign(message.delivery, signDelivery(crypto, account, { ...delivery, ledger, recordHash }));
  }

  /** Says that it was given fewer tokens than it was. */
  function understate(message: AcknowledgeRequest): void {
    if (message.delivery === undefined) return;
    const delivery = parseDelivery(message.delivery.delivery);
    const outputTokenCount = delivery.outputTokenCount >> 1;
    Object.assign(message.delivery, signDelivery(crypto, account, { ...delivery, ledger, outputTokenCount }));
  }

  /** Complains of a reply that is well, and has something else than its opening as evidence. */
  function accuse({ order, record }: AcknowledgeRequest, place: Place): void {
    if (order === undefined || record === undefined) return;
    const opening = new Uint8Array(OPENING_BYTES).fill(7);
    const openingHash = crypto.sha256(opening);
    const orderHash = hashOrder(crypto, ledger, parseOrder(order.order));
    const reason = 'draw-replay';
    const signature = signComplaint(crypto, account, { ledger, orderHash, reason, record: record.record, openingHash });
    const complaint = create(ComplainRequestSchema, { order, reason, record, openingHash, signature });
    const proof = create(ProveComplaintRequestSchema, { order: order.order, opening: { opening } });
    const { typeName } = ValidatorService;
    call(place, `${typeName}/Complain`, toBinary(ComplainRequestSchema, complaint), 500);
    call(place, `${typeName}/ProveComplaint`, toBinary(ProveComplaintRequestSchema, proof), 1_500);
  }

  network.tampers.set(name, ({ to, certHash, method, bytes }) => {
    if (isOwn) return bytes;
    const isDelivery = method.endsWith('/Acknowledge') || method.endsWith(LISTED);
    if (how === 'never-acknowledges') return isDelivery ? undefined : bytes;
    if (how === 'contradicts') return isDelivery ? bendDeliveries(method, bytes, contradict) : bytes;
    if (how === 'understates') return isDelivery ? bendDeliveries(method, bytes, understate) : bytes;
    if (how === 'accuses' && isDelivery)
      for (const told of readDeliveries(method, bytes)) accuse(told, { to, certHash });
    if (how === 'replays' && method.endsWith('/Generate')) {
      for (let i = 0; i < providers; i++) {
        const { peer } = placeOf(world, 'provider', i);
        const place = { to: String(peer.endpoint), certHash: peer.certHash };
        for (const ms of REPLAYED_AFTER_MS) call(place, method, bytes, ms);
      }
    }
    if (how === 'garbles-orders' && draws.next('garbles') < GARBLED_SHARE) return flipBit(bytes, draws);
    return bytes;
  });
}
