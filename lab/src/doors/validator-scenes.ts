import { setTimeout as delay } from 'node:timers/promises';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { NEWCOMER_LIMITS } from '@ogong/host/link/newcomer-budget';
import type { RateLimit } from '@ogong/host/link/token-bucket';
import { monotonicClock } from '@ogong/host/time/clock';
import { equalBytes } from '@ogong/protocol/base/bytes';
import {
  AcknowledgeRequestSchema,
  AdmitRequestSchema,
  ComplainRequestSchema,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createTestValidator, payer, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import type { TestOrder } from '@ogong/testing/validator/test-reply';
import { VALIDATOR_RATES } from '@ogong/validator/access';
import { createStrangerIdentity } from '../attackers/protocol/network/stranger-link.ts';
import { serveValidator } from '../bad-days/validator-door.ts';
import type { FloodCaller } from './flood.ts';
import {
  type AskedDoor,
  CALLERS,
  type DoorScene,
  FLOOD_ADDRESS,
  OF_ADDRESS,
  type OpenDoor,
  TIMES,
  toBase64,
} from './scene.ts';

/** Time in which a chain's endpoint answers. */
const READING_MS = 5;
/** Remaining lifetime of an honest order when it is sent. A slow machine takes long from phase to phase. */
const LEAST_LIFE_MS = 20_000;
/** Different orders that a stranger has. */
const ORDERS = 75;
/** Honest ones: one alone would have more open orders than a validator keeps for a payer. */
const PAYERS = 8;

interface Flooding {
  readonly method: string;
  readonly rate: RateLimit | undefined;
  /** Whether the limit is the whole of it, and not that of one certificate of several. */
  readonly isOfOne?: boolean;
  readonly callers: (validator: TestValidator) => Promise<FloodCaller[]> | FloodCaller[];
  /** The caller of this name is a registered validator. */
  readonly peer?: string;
  /** Runs before the validator accepts calls. */
  readonly prepare?: (validator: TestValidator) => Promise<void>;
}

/** A validator behind a real link, whose clock runs; honest calls are orders of a payer that it knows. */
export async function openValidatorDoor(
  { method, rate, isOfOne, callers, ...more }: Flooding,
  { clock: given = monotonicClock }: AskedDoor = {},
): Promise<OpenDoor> {
  const beganMs = given.nowMs();
  let skippedMs = 0;
  const clock = {
    nowMs: () => 1_750_000_000_000 + skippedMs + Math.floor(given.nowMs() - beganMs),
    advance(ms: number) {
      skippedMs += ms;
    },
  };
  const spendable = 10n ** 18n;
  const payers = [
    payer,
    ...Array.from({ length: PAYERS - 1 }, (_, i) => createTestLedgerSigner(seedOf(`honest payer ${i}`))),
  ];
  const validator: TestValidator = createTestValidator({
    clock,
    verifiers: (...asked) => answerHonestly(validator.served)(...asked),
    async channel(who) {
      await delay(READING_MS);
      const held = payers.some(({ address }) => equalBytes(who, address)) ? spendable : 0n;
      return { spendable: held, spent: 0n, admitted: held, releasing: 0n, releasableAt: 0n };
    },
  });
  await more.prepare?.(validator);
  const { door, connect, close } = await serveValidator(validator, {
    clock: given,
    ...(more.peer === undefined ? {} : { peerIdentity: await createStrangerIdentity(more.peer) }),
  });
  const service = (await connect(1)).service(ValidatorService);
  const orders: TestOrder[] = [];
  let made = 0;
  const admit = async (order: TestOrder): Promise<void> => {
    await service.admit({ order, consent: order.consent });
  };
  const make = (): TestOrder => validator.order(made, {}, payers[made++ % PAYERS]);
  for (const _ of payers) await admit(make());
  /** One that was made before and holds for a while, or a new one. */
  const takeFresh = (): TestOrder => {
    let order = orders.shift();
    while (order && Number(order.fields.expiresAtMs) < clock.nowMs() + LEAST_LIFE_MS) order = orders.shift();
    return order ?? make();
  };
  const { perSecond, burst } = rate as RateLimit;
  const share = isOfOne ? 1 : OF_ADDRESS;
  return {
    prepare(calls) {
      while (orders.length < calls) orders.push(make());
    },
    call: () => admit(takeFresh()),
    flood: {
      ...{ endpoint: door.endpoint, certHash: toBase64(door.certHash), service: 'ValidatorService', method },
      ...{ perSecond: TIMES * share * perSecond, callers: await callers(validator) },
    },
    burst: share * burst,
    clock: given,
    async close() {
      await close();
      validator.close();
    },
  };
}

const encode = (message: MessageInitShape<typeof AdmitRequestSchema>): string =>
  toBase64(toBinary(AdmitRequestSchema, create(AdmitRequestSchema, message)));

function makeStrangersOrders(validator: TestValidator): FloodCaller[] {
  return Array.from({ length: CALLERS }, (_, i) => ({
    ...{ name: `admitted ${i}`, address: FLOOD_ADDRESS },
    messages: Array.from({ length: ORDERS }, (_unused, j) => {
      const { order, signature, consent } = validator.order(j, {}, createTestLedgerSigner(seedOf(`payer ${i} ${j}`)));
      return encode({ order: { order, signature }, consent });
    }),
  }));
}

function makeDeliveries(validator: TestValidator): FloodCaller[] {
  const { order, signature } = validator.order(1_000_000);
  const message = create(AcknowledgeRequestSchema, { order: { order, signature } });
  const messages = [toBase64(toBinary(AcknowledgeRequestSchema, message))];
  return [{ name: 'deliverer', address: FLOOD_ADDRESS, messages }];
}

/** About orders without admission, with the hash of an opening that does not exist. */
function makeComplaints(validator: TestValidator): FloodCaller[] {
  return Array.from({ length: CALLERS }, (_, i) => {
    const { order, signature } = validator.order(i, {}, createTestLedgerSigner(seedOf(`complaining ${i}`)));
    const complaint = { order: { order, signature }, reason: 'draw-replay', openingHash: new Uint8Array(32) };
    const message = create(ComplainRequestSchema, { ...complaint, signature: new Uint8Array(65) });
    const messages = [toBase64(toBinary(ComplainRequestSchema, message))];
    return { name: `complaining ${i}`, address: FLOOD_ADDRESS, messages };
  });
}

export const validatorScenes: readonly DoorScene[] = [
  {
    id: 'deliveries',
    honest: 'orders admitted by a validator',
    limit: 'deliveries of one certificate',
    open: (asked) =>
      openValidatorDoor(
        {
          rate: VALIDATOR_RATES['ogong.v1.ValidatorService/Acknowledge'],
          method: 'Acknowledge',
          isOfOne: true,
          callers: makeDeliveries,
        },
        asked,
      ),
  },
  {
    id: 'complaints',
    honest: 'orders admitted by a validator',
    limit: 'complaints of one address',
    open: (asked) =>
      openValidatorDoor(
        {
          rate: VALIDATOR_RATES['ogong.v1.ValidatorService/Complain'],
          method: 'Complain',
          callers: makeComplaints,
        },
        asked,
      ),
  },
  {
    id: 'admissions',
    honest: 'orders admitted by a validator',
    limit: 'orders of one address whose payers never paid',
    open: (asked) =>
      openValidatorDoor(
        {
          ...{ rate: NEWCOMER_LIMITS.ofAddress, isOfOne: true, method: 'Admit' },
          callers: makeStrangersOrders,
        },
        asked,
      ),
  },
];
