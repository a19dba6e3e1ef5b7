import { create, fromBinary } from '@bufbuild/protobuf';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { Refusal } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { CAPSULE_BYTES } from '@ogong/protocol/crypto/seal-primitives';
import {
  type GenerateEvent,
  GenerateEventSchema,
  type GenerateRequest,
  GenerateRequestSchema,
  ProviderService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { SEAL_SUITE, UNIT_SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { type SignedSealKey, signSealKey } from '@ogong/protocol/sealing/seal-key';
import { type Bend, createNetwork, ledger } from '@ogong/testing/provider/provider-fixture';
import { bendUnits, openRelayedCalls, type Relay, UNIT_BENDS } from '@ogong/testing/provider/relayed-calls';
import { afterEach, describe, expect, it } from 'vitest';
import type { SealPolicy } from './seal-keys.ts';

const MARKER = 'a marker that nobody may see';
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A gateway's calls, with a marker in their prompts, to a provider behind a relay. */
async function open(relay: Relay = {}, policy: SealPolicy = 'auto') {
  const network = await createNetwork();
  closing.push(network.close);
  const calls = await openRelayedCalls(network, { relay, policy });
  closing.push(calls.close);
  // Of a text that is shown the first tokens have a unit each.
  const body = { messages: [{ role: 'user', content: MARKER }], stream: true };
  return { ...calls, network, callAs: calls.call, call: (bend: Bend = {}) => calls.call({ body, ...bend }) };
}

const flip = (bytes: Uint8Array): Uint8Array => {
  const changed = bytes.slice();
  changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
  return changed;
};
const flipUnit = ({ event }: GenerateEvent): GenerateEvent =>
  event.case === 'sealed'
    ? create(GenerateEventSchema, {
        event: { case: 'sealed', value: { head: event.value.head, unit: flip(event.value.unit) } },
      })
    : create(GenerateEventSchema, { event });

describe('a sealed call', () => {
  it('shows a carrier neither prompt nor answer nor opening', async () => {
    const { call, isSeen, orders } = await open();
    const { finished, text, opening } = await call();
    expect(text).toBe(finished.text);
    expect(text.length).toBeGreaterThan(20);
    expect(isSeen(MARKER)).toBe(false);
    expect(isSeen(text.slice(0, 12))).toBe(false);
    expect(isSeen(text.slice(-12))).toBe(false);
    expect(orders[0]?.sealed.length).toBeGreaterThan(2_000);
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
    const { call, network, orders } = await open();
    await call({ nonce: 1 });
    await network.restart();
    expect((await call({ nonce: 2 })).text.length).toBeGreaterThan(20);
    expect(orders.length).toBe(3);
    expect(orders[1]?.order).toEqual(orders[2]?.order);
  });

  it.each([
    ...Object.entries(UNIT_BENDS).map(([what, bend]) => [what, bendUnits(bend), /does not open/] as const),
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

  it('is not served again to a recorder of the call', async () => {
    const { call, orders, network } = await open();
    await call();
    const again = network.client.service(ProviderService).generate(orders[0] as GenerateRequest);
    await expect(again[Symbol.asyncIterator]().next()).rejects.toMatchObject({ refusal: 'conflict' });
    // Nor under another order.
    const { order, ticket } = network.order({ nonce: 9 });
    const { sealed } = orders[0] as GenerateRequest;
    const bare = create(GenerateRequestSchema, { sealed, ...(order && { order }), ...(ticket && { ticket }) });
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

describe('a request that demands an encapsulation for each unit', () => {
  const body = { messages: [{ role: 'user', content: MARKER }], stream: true, ogong: { seal_suite: UNIT_SEAL_SUITE } };

  it('is answered so, and by no one secret', async () => {
    const { callAs, isSeen, seen } = await open();
    const { text } = await callAs({ body }, { sealSuite: UNIT_SEAL_SUITE });
    expect(text.length).toBeGreaterThan(20);
    expect([isSeen(MARKER), isSeen(text.slice(-12))]).toEqual([false, false]);
    const units = seen.slice(1).map((bytes) => fromBinary(GenerateEventSchema, bytes).event);
    const capsules = units.flatMap((event) =>
      event.case === 'sealed' ? [toHex(event.value.unit.subarray(5, 5 + CAPSULE_BYTES))] : [],
    );
    expect(capsules.length).toBeGreaterThan(4);
    expect(new Set(capsules).size).toBe(capsules.length);
  });

  it.each([
    ['under suite 1', 'auto'],
    ['in plain', 'off'],
  ] as const)('is refused where it comes %s', async (how, policy) => {
    const { callAs, network } = await open({}, policy);
    await expect(callAs({ body })).rejects.toMatchObject({
      ...{ code: 'request_refused', message: expect.stringContaining(`demands seal suite 2, and came ${how}`) },
    });
    expect(network.validator.admitted).toEqual([]);
  });

  it('is sent to nobody where it cannot be sealed', async () => {
    const { callAs, orders } = await open({}, 'off');
    await expect(callAs({ body }, { sealSuite: UNIT_SEAL_SUITE })).rejects.toMatchObject({ code: 'provider_busy' });
    expect(orders).toEqual([]);
  });

  it('opens for nobody where somebody on the way writes another suite there', async () => {
    const at = Buffer.from('ogong-sealed-request-v1\n').length;
    const bendRequest = (message: GenerateRequest) => {
      const sealed = message.sealed.slice();
      sealed[at] = SEAL_SUITE;
      return create(GenerateRequestSchema, { ...message, sealed });
    };
    const { callAs, network } = await open({ bendRequest });
    const asked = callAs({ body }, { sealSuite: UNIT_SEAL_SUITE });
    await expect(asked).rejects.toMatchObject({
      code: 'request_refused',
      message: expect.stringContaining('not open'),
    });
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
    const { call, orders } = await open({ bendKey });
    await expect(call()).rejects.toMatchObject({ code: 'provider_busy', message: expect.stringContaining('seal key') });
    expect(orders).toEqual([]);
  });

  it('ends the call where everything has to be sealed', async () => {
    const bendKey = (): SignedSealKey => {
      throw new Refusal('unsupported', 'no such call');
    };
    const { call, orders } = await open({ bendKey }, 'required');
    await expect(call()).rejects.toMatchObject({ code: 'provider_busy' });
    expect(orders).toEqual([]);
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
