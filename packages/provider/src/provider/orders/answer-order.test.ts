import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import type { Engine } from '@ogong/engine/open-engine';
import { LinkError, toLinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { systemClock } from '@ogong/host/time/clock';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { parseAnnouncement } from '@ogong/protocol/exchange/announcement';
import { signConsent } from '@ogong/protocol/exchange/order-consent';
import { PAYEE_STATEMENT_BYTES } from '@ogong/protocol/exchange/provider-payee';
import { type GenerateRequest, GenerateRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import {
  type Bend,
  createNetwork,
  ledger,
  MODEL_ID,
  PRICE,
  receive,
  until,
  validOrder,
} from '@ogong/testing/provider/provider-fixture';
import { testCrypto } from '@ogong/testing/validator/test-crypto';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import type { OrderJob } from '../../modality/text/serve-text.ts';
import { describeProvider } from '../announcing/provider-announcer.ts';
import type { ProviderState } from '../provider-state.ts';
import { admitOrder } from '../serving/serve-context.ts';
import { beginOrder } from './answer-order.ts';
import { openOffers } from './offers.ts';

/** Nobody has signed it. */
const wordUntil = (untilMs: number): Uint8Array => {
  const word = new Uint8Array(PAYEE_STATEMENT_BYTES);
  new DataView(word.buffer).setBigUint64(0, BigInt(untilMs));
  return word;
};

/** Only the parts that the steps under test read. */
function createState(change: Partial<ProviderState> = {}) {
  const outcomes: string[] = [];
  const engine = createFakeEngine({ sequences: 1 });
  const state = {
    id: new Uint8Array(32).fill(1),
    payee: new Uint8Array(20).fill(2),
    getPayeeWord: () => wordUntil(systemClock.nowMs() + 86_400_000),
    identity: { id: new Uint8Array(32).fill(3) },
    offers: openOffers([{ modelId: 'ogong/verified/test/fake', pricePer1kAtomic: 1n, engine }]),
    isClosing: false,
    outbox: { isFull: () => false },
    clock: systemClock,
    replyIds: { forgottenMs: () => 0 },
    metrics: { active: { set() {} }, replies: { inc: ({ outcome }: { outcome: string }) => outcomes.push(outcome) } },
    ...change,
  } as unknown as ProviderState;
  return { state, outcomes, message: validOrder(engine) };
}

describe('an order begins', () => {
  it('with a slot of its offer', () => {
    const { state, outcomes, message } = createState();
    expect(beginOrder(state, message)).toBe(state.offers[0]);
    expect(state.offers[0]!.active).toBe(1);
    expect(() => beginOrder(state, message)).toThrow(/busy/);
    expect(outcomes).toEqual(['refused']);
  });

  const cases: readonly [
    string,
    Partial<ProviderState>,
    ((message: GenerateRequest) => GenerateRequest) | undefined,
    Code,
  ][] = [
    ['while the provider stops', { isClosing: true }, undefined, Code.Unavailable],
    ['while too many records wait', { outbox: { isFull: () => true } as never }, undefined, Code.Unavailable],
    [
      'if the statement of the payee expires before it',
      { getPayeeWord: () => wordUntil(systemClock.nowMs() + 1_000) },
      undefined,
      Code.Unavailable,
    ],
    ['without an order', {}, () => create(GenerateRequestSchema), Code.InvalidArgument],
    ['for a model that is not served', {}, () => validOrder(createFakeEngine({ weights: 2 })), Code.NotFound],
  ];
  it.each(cases)('not %s, and takes no slot', (_name, change, bend, code) => {
    const { state, outcomes, message } = createState(change);
    expect(() => beginOrder(state, bend?.(message) ?? message)).toThrow(expect.objectContaining({ code }));
    expect(state.offers[0]!.active).toBe(0);
    expect(outcomes).toEqual(['refused']);
  });
});

describe('the announced offers', () => {
  it.each([
    ['is free', {}, 1],
    ['is full of records', { outbox: { isFull: () => true } as never }, 0],
    ['stops', { isClosing: true }, 0],
    ['nobody can reach', {}, 0, false],
    ['has lost its store', { replyIds: { forgottenMs: () => Date.now() + 300_000 } as never }, 0],
    ['lost its store ten minutes ago', { replyIds: { forgottenMs: () => Date.now() + 60_000 } as never }, 1],
  ])('of a provider that %s', (_name, change, freeCapacity, isReachable = true) => {
    const { state } = createState(change);
    expect(describeProvider(state, { isReachable })).toMatchObject({
      models: [{ capacity: 1, freeCapacity, pricePer1kAtomic: 1n }],
    });
  });
});

describe('admission', () => {
  const job = { order: { orderHash: new Uint8Array(32) }, validator: {}, signedOrder: {} } as OrderJob;
  const state = { crypto: testCrypto, clock: systemClock, chain: { ledger } } as ProviderState;
  const admit = (error: Error) => {
    const links = { to: () => ({ admit: () => Promise.reject(error) }) } as unknown as LinkPool;
    const consent = Promise.resolve(signConsent(createTestHybrid('provider'), job.order));
    return admitOrder({ ...state, links }, job, { signal: new AbortController().signal, consent });
  };

  it('refused, given up, or broken here', async () => {
    const refusalTo = async (error: LinkError) => toLinkError(await admit(error).catch((refused: unknown) => refused));
    const notAdmitted = (message: string) => ({ refusal: 'not-admitted', message: expect.stringContaining(message) });
    const refused = new LinkError('remote', 'the channel is empty', { refusal: 'precondition' });
    expect(await refusalTo(refused)).toMatchObject(notAdmitted('channel is empty'));
    for (const code of ['unreachable', 'timeout'] as const) {
      expect(await refusalTo(new LinkError(code, 'nobody there'))).toMatchObject(notAdmitted('nobody there'));
    }
    // This machine's own doing is no validator's.
    expect(await refusalTo(new LinkError('canceled', 'it stops'))).toMatchObject({ refusal: 'unavailable' });
    const bug = new TypeError('a bug');
    await expect(admit(bug)).rejects.toBe(bug);
  });
});

/** The same bytes in a plain array, as parsers give them. */
const bytesOf = (engine: Engine): Uint8Array => Uint8Array.from(engine.info().modelRoot);

it('two models of one provider have prices, contexts, slots and replies of their own', async () => {
  const second = createFakeEngine({ weights: 2, contextSize: 300, sequences: 1 });
  const modelId = 'ogong/verified/test/second';
  const network = await createNetwork({
    engine: { sequences: 1 },
    others: [{ modelId, pricePer1kAtomic: 7n, engine: second }],
    provider: { announceIntervalMs: 20 },
  });
  try {
    await until(() => network.validator.announced.length > 0);
    const announced = parseAnnouncement(network.validator.announced[0]!.announcement);
    expect(announced).toMatchObject({
      models: [
        {
          modelId: MODEL_ID,
          pricePer1kAtomic: PRICE,
          contextSize: 512,
          modelRoot: bytesOf(network.engine),
          capacity: 1,
        },
        { modelId, pricePer1kAtomic: 7n, contextSize: 300, modelRoot: bytesOf(second), capacity: 1 },
      ],
    });
    const body = { seed: 3, max_tokens: 20 };
    const ofSecond = { modelId, engine: second, body };
    const cheap = await receive(
      network.client,
      network.order({ ...ofSecond, order: (o) => ({ ...o, pricePer1kAtomic: 7n }), nonce: 1 }),
    );
    const dear = await receive(network.client, network.order({ body, nonce: 2 }));
    expect(cheap.text).not.toBe(dear.text);
    expect(parseRecordV2(cheap.finished.record!.record).modelRoot).toEqual(bytesOf(second));
    // The price, the context and the id of one do not pass for the other.
    const refused: readonly [Bend, RegExp][] = [
      [{ body, order: (o) => ({ ...o, pricePer1kAtomic: 7n }) }, /the price is 2000000/],
      [{ ...ofSecond, order: (o) => ({ ...o, contextSize: 301 }) }, /here it holds 300/],
      [{ ...ofSecond, modelId: MODEL_ID }, /ticket and order disagree on model/],
    ];
    for (const [i, [bend, expected]] of refused.entries()) {
      await expect(receive(network.client, network.order({ ...bend, nonce: 10 + i }))).rejects.toThrow(expected);
    }
    let release = (): void => {};
    network.validator.onAdmit = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const held = receive(network.client, network.order({ body, nonce: 3 }));
    await until(() => network.provider.activeReplies() === 1);
    const busy = receive(network.client, network.order({ body, nonce: 4 }));
    await expect(busy).rejects.toThrow(/all 1 slots of ogong\/verified\/test\/fake are busy/);
    const releaseHeld = release;
    network.validator.onAdmit = () => {};
    await receive(network.client, network.order({ ...ofSecond, nonce: 5 }));
    releaseHeld();
    await held;
  } finally {
    await network.close();
    await second.close();
  }
});
