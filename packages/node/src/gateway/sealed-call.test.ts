import { create, toBinary } from '@bufbuild/protobuf';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { formatHostPort } from '@ogong/host/link/host-port';
import { LinkError, Refusal } from '@ogong/host/link/link-error';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createLinkServer } from '@ogong/host/link/link-server';
import { systemClock } from '@ogong/host/time/clock';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import {
  type GenerateEvent,
  GenerateEventSchema,
  type GenerateRequest,
  GenerateRequestSchema,
  ProviderService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { type SignedSealKey, signSealKey } from '@ogong/protocol/sealing/seal-key';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { type Bend, createNetwork, ledger, type Network } from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import { createProviderCall, type ProviderEnd } from './provider-call.ts';
import { createSealKeys, type SealPolicy } from './seal-keys.ts';

const MARKER = 'a marker that nobody may see';
const TIMES = { firstTokenTimeoutMs: 20_000, idleTimeoutMs: 20_000, totalTimeoutMs: 60_000 };
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** What somebody on the way does with what passes. It ends TLS itself: it sees the bytes before they are encrypted for the wire. */
interface Relay {
  readonly bendKey?: (key: SignedSealKey) => SignedSealKey;
  readonly bendRequest?: (message: GenerateRequest) => GenerateRequest;
  /** @param events in their order. */
  readonly bendEvents?: (events: readonly GenerateEvent[]) => readonly GenerateEvent[];
}

async function openRelay(network: Network, relay: Relay = {}) {
  const seen: Uint8Array[] = [];
  const calls: GenerateRequest[] = [];
  const identity = await makeIdentity(7);
  const provider = () => network.client.service(ProviderService);
  const server = createLinkServer({
    bind: { host: '127.0.0.1', port: 0 },
    identity,
    authorize: () => true,
    routes: (router) =>
      router.service(ProviderService, {
        async getSealKey() {
          const key = await provider().getSealKey({});
          return relay.bendKey?.(key) ?? key;
        },
        async *generate(message) {
          seen.push(toBinary(GenerateRequestSchema, message));
          calls.push(message);
          const events: GenerateEvent[] = [];
          try {
            for await (const event of provider().generate(relay.bendRequest?.(message) ?? message)) {
              seen.push(toBinary(GenerateEventSchema, event));
              events.push(event);
            }
          } catch (error) {
            if (!(error instanceof LinkError) || error.refusal === undefined) throw error;
            throw new Refusal(error.refusal, error.message);
          }
          yield* relay.bendEvents?.(events) ?? events;
        },
      }),
  });
  await server.start();
  closing.push(() => server.stop(0));
  return { seen, calls, identity, endpoint: formatHostPort(server.address()) };
}

/** A gateway's call to a provider behind a relay. */
async function open(relay: Relay = {}, policy: SealPolicy = 'auto') {
  const network = await createNetwork();
  closing.push(network.close);
  const way = await openRelay(network, relay);
  const links = createLinkPool({ identity: await makeIdentity(2) });
  closing.push(links.close);
  const keys = createSealKeys(policy, { links, clock: systemClock, ledger });
  const providers = createProviderCall(TIMES, { links, sealing: { keys, ledger } });
  async function call(bend: Bend = {}): Promise<ProviderEnd & { readonly text: string }> {
    const message = network.order({ body: { messages: [{ role: 'user', content: MARKER }] }, ...bend });
    const { order, ticket: signed, request, endpoint } = message;
    if (order === undefined || signed === undefined) throw new Error('no order');
    const ticket = { ...parseTicket(signed.ticket), providerEndpoint: way.endpoint, providerCertHash: way.identity.id };
    const events = providers.generate({
      ...{ match: { ticket, signed }, order, request, endpoint, cacheScope: new Uint8Array([1]), maxTokens: 4_096 },
      ...{ topLogprobs: undefined, signal: new AbortController().signal },
    });
    let text = '';
    for (;;) {
      const next = await events.next();
      if (next.done) return { ...next.value, text };
      text += next.value.text;
    }
  }
  const isSeen = (text: string): boolean => way.seen.some((bytes) => Buffer.from(bytes).includes(text));
  return { network, call, isSeen, calls: way.calls, seen: way.seen };
}

const flip = (bytes: Uint8Array): Uint8Array => {
  const changed = bytes.slice();
  changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
  return changed;
};
const isUnit = ({ event }: GenerateEvent): boolean => event.case === 'sealed';
/** Changes the list of the sealed parts, and leaves the rest. */
const bendUnits =
  (bend: (units: readonly GenerateEvent[]) => readonly GenerateEvent[]) =>
  (events: readonly GenerateEvent[]): readonly GenerateEvent[] => [
    ...events.filter(({ event }) => event.case === 'started'),
    ...bend(events.filter(isUnit)),
    ...events.filter(({ event }) => event.case === 'finished'),
  ];
const flipUnit = ({ event }: GenerateEvent): GenerateEvent =>
  event.case === 'sealed'
    ? create(GenerateEventSchema, {
        event: { case: 'sealed', value: { head: event.value.head, unit: flip(event.value.unit) } },
      })
    : create(GenerateEventSchema, { event });

describe('a sealed call', () => {
  it('shows whoever carries it neither prompt nor answer nor opening', async () => {
    const { call, isSeen, calls } = await open();
    const { finished, text, opening } = await call();
    expect(text).toBe(finished.text);
    expect(text.length).toBeGreaterThan(20);
    expect(isSeen(MARKER)).toBe(false);
    expect(isSeen(text.slice(0, 12))).toBe(false);
    expect(isSeen(text.slice(-12))).toBe(false);
    expect(calls[0]?.sealed.length).toBeGreaterThan(2_000);
    const opened = parseOpening(opening as Uint8Array);
    expect(opened.header).toEqual(finished.header);
  });

  it('shows both where nothing is sealed, so that this search can fail', async () => {
    const { call, isSeen } = await open({}, 'off');
    const { finished, text, opening } = await call();
    expect(text).toBe(finished.text);
    expect(isSeen(MARKER)).toBe(true);
    expect(isSeen(text.slice(-12))).toBe(true);
    expect(opening).toBeUndefined();
  });

  it('opens for nobody else in plain: a consumer of a sealed reply has its opening by then', async () => {
    const { call, network } = await open();
    const { finished } = await call();
    const { replyId } = parseRecordV2(finished.record?.record as Uint8Array);
    const asking = network.client.service(ProviderService).getOpening({ replyId });
    await expect(asking).rejects.toMatchObject({ refusal: 'not-found' });
    const validator = (await network.connect(3)).service(ProviderService);
    expect((await validator.getOpening({ replyId })).opening.length).toBeGreaterThan(100);
  });

  it('fetches the new key of a provider that has restarted, and sends the same order again', async () => {
    const { call, network, calls } = await open();
    await call({ nonce: 1 });
    await network.restart();
    expect((await call({ nonce: 2 })).text.length).toBeGreaterThan(20);
    expect(calls.length).toBe(3);
    expect(calls[1]?.order).toEqual(calls[2]?.order);
  });

  it.each([
    ['drops a unit', bendUnits((units) => units.slice(1)), /opens? not|does not open/],
    ['drops one in the middle', bendUnits((units) => units.toSpliced(2, 1)), /does not open: unit/],
    ['swaps two', bendUnits(([a, b, c, ...rest]) => [a, c, b, ...rest] as GenerateEvent[]), /does not open: unit/],
    ['repeats one', bendUnits((units) => [...units.slice(0, 2), ...units.slice(1)]), /does not open: unit/],
    ['changes one', bendUnits((units) => units.map((unit, i) => (i === 1 ? flipUnit(unit) : unit))), /was changed/],
    [
      'adds a text of its own',
      (events: readonly GenerateEvent[]) => [
        create(GenerateEventSchema, { event: { case: 'delta', value: { text: 'forged' } } }),
        ...events,
      ],
      /sealed/,
    ],
  ] as const)('fails where somebody on the way %s', async (_what, bendEvents, why) => {
    const { call } = await open({ bendEvents });
    await expect(call()).rejects.toMatchObject({ code: 'provider_failed', message: expect.stringMatching(why) });
  });

  it('shows no opening where the end is cut off, which counts as withheld', async () => {
    const { call } = await open({ bendEvents: bendUnits((units) => units.slice(0, -1)) });
    expect((await call()).opening).toBeUndefined();
  });

  it('is not served again to whoever recorded it', async () => {
    const { call, calls, network } = await open();
    await call();
    const again = network.client.service(ProviderService).generate(calls[0] as GenerateRequest);
    await expect(again[Symbol.asyncIterator]().next()).rejects.toMatchObject({ refusal: 'conflict' });
    // Nor under another order.
    const other = create(GenerateRequestSchema, { ...network.order({ nonce: 9 }), sealed: calls[0]?.sealed });
    const bare = create(GenerateRequestSchema, { order: other.order, ticket: other.ticket, sealed: other.sealed });
    const served = network.client.service(ProviderService).generate(bare);
    await expect(served[Symbol.asyncIterator]().next()).rejects.toMatchObject({ refusal: 'invalid' });
  });

  it('comes with nothing in plain beside it', async () => {
    const { call, network } = await open({
      bendRequest: (message) => create(GenerateRequestSchema, { ...message, endpoint: 'chat' }),
    });
    await expect(call()).rejects.toMatchObject({ code: 'request_refused' });
    expect(network.validator.admitted).toEqual([]);
  });
});

describe('a seal that somebody takes away', () => {
  it('is not replaced by a key of its own', async () => {
    const forger = createNodeHybridSigner(new Uint8Array(64).fill(77));
    const key = nodeSeal.openKemKey(new Uint8Array(32).fill(1)).publicKey;
    const bendKey = ({ providerKey }: SignedSealKey): SignedSealKey => {
      const nowMs = Date.now();
      const own = signSealKey(forger, {
        ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract },
        ...{ providerId: new Uint8Array(32), sequence: 1n, issuedAtMs: nowMs, expiresAtMs: nowMs + 60_000, key },
      });
      return { ...own, providerKey };
    };
    const { call, calls } = await open({ bendKey });
    await expect(call()).rejects.toMatchObject({ code: 'provider_busy', message: expect.stringContaining('seal key') });
    expect(calls).toEqual([]);
  });

  it('ends the call where everything has to be sealed', async () => {
    const bendKey = (): SignedSealKey => {
      throw new Refusal('unsupported', 'no such call');
    };
    const { call, calls } = await open({ bendKey }, 'required');
    await expect(call()).rejects.toMatchObject({ code: 'provider_busy' });
    expect(calls).toEqual([]);
  });

  it('goes out in plain to a provider that has none, where that is allowed', async () => {
    const bendKey = (): SignedSealKey => {
      throw new Refusal('unsupported', 'no such call');
    };
    const { call, isSeen } = await open({ bendKey }, 'auto');
    expect((await call()).text.length).toBeGreaterThan(20);
    expect(isSeen(MARKER)).toBe(true);
  });
});
