import { join } from 'node:path';
import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError, Refusal } from '@ogong/host/link/link-error';
import type { RateLimit } from '@ogong/host/link/token-bucket';
import { type Clock, systemClock } from '@ogong/host/time/clock';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type BlobRef, createBlobHasher } from '@ogong/protocol/commitment/blob';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { hashRecord, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import { parseAnnouncement, verifyAnnouncement } from '@ogong/protocol/exchange/announcement';
import { verifyIntake } from '@ogong/protocol/exchange/intake-receipt';
import { PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { hashOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { NO_BEGINNING, parseProgress, signProgress } from '@ogong/protocol/exchange/progress';
import { verifyProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import {
  type GenerateRequest,
  ProviderService,
  type PushRecordRequest,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { summarizeRequest } from '@ogong/protocol/modality/request-hash';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { FindRouter } from '@ogong/protocol/stage1/registered-router';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { FULL_CHANNEL } from '@ogong/testing/network/fixed-chain';
import {
  type Bend,
  createNetwork,
  findReplyId,
  ledger,
  MODEL_ID,
  type Network,
  type NetworkOptions,
  network,
  openProgress,
  PRICE,
  payee,
  payer,
  receive,
  until,
  validatorSigner,
} from '@ogong/testing/provider/provider-fixture';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { signAdmission } from '@ogong/testing/synthetic/validator-words';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { type CommitReply, commitReply } from '../modality/text/commit-reply.ts';
import { readServed } from './paid/served-store.ts';
import { PROVIDER_RATES } from './provider.ts';
import { beginMemory } from './provider-store.ts';
import { openBlobStore } from './serving/blob-store.ts';

const findNobody: FindRouter = async () => undefined;

let open: Network | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function start(options?: NetworkOptions): Promise<Network> {
  open = await createNetwork(options);
  return open;
}

async function refusalOf(call: Promise<unknown>): Promise<LinkError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LinkError);
  return error as LinkError;
}

function isWordOf({ order, payeeWord }: PushRecordRequest): boolean {
  const { providerId, expiresAtMs } = parseOrder(order!.order);
  return verifyProviderPayee(crypto, ledger, { providerId, payee, payeeWord, untilMs: Number(expiresAtMs) });
}

const announcedPrices = ({ validator }: Network): bigint[] =>
  validator.announced.flatMap(({ announcement }) =>
    parseAnnouncement(announcement).models.map(({ pricePer1kAtomic }) => pricePer1kAtomic),
  );

describe('a price that follows the token', () => {
  it('is announced, and taken from orders of before as well', async () => {
    const peg = { announced: (price: bigint) => 2n * price, least: (price: bigint) => price };
    const network = await start({ peg, provider: { announceIntervalMs: 20 } });
    await until(() => announcedPrices(network).length > 0);
    expect(new Set(announcedPrices(network))).toEqual(new Set([2n * PRICE]));
    const { finished } = await receive(network.client, network.order());
    expect(finished.stopReason).toBe('length');
  });

  it('refuses an order that pays less than was announced lately', async () => {
    const network = await start({ peg: { announced: (price) => 2n * price, least: (price) => 2n * price } });
    await expect(receive(network.client, network.order())).rejects.toThrow(/the price is 4000000/);
  });
});

it('serves a payer beyond the rate of calls of one peer, since its earlier orders were admitted', async () => {
  const { burst } = PROVIDER_RATES['ogong.v1.ProviderService/Generate'] as RateLimit;
  const network = await start();
  // The rate gives no further calls.
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    for (let left = burst + 1; left > 0; left--) {
      await receive(network.client, network.order({ nonce: left, body: { max_tokens: 1 } }));
    }
    expect(network.validator.admitted.length).toBe(burst + 1);
  } finally {
    vi.useRealTimers();
  }
});

it('recovers the signer of each statement about a reply once', async () => {
  const recovered: string[] = [];
  const note = <T>(digest: Uint8Array, found: T): T => {
    recovered.push(toHex(digest));
    return found;
  };
  const network = await start({
    crypto: {
      ...crypto,
      recoverAddress: (digest, signature) => note(digest, crypto.recoverAddress(digest, signature)),
      verifyAddress: (digest, ...rest) => note(digest, crypto.verifyAddress(digest, ...rest)),
    },
  });
  await receive(network.client, network.order());
  expect(recovered.length).toBeGreaterThan(1);
  expect(new Set(recovered).size).toBe(recovered.length);
});

describe('an order of a contract account', () => {
  const key = createNobleLedgerSigner(new Uint8Array(32).fill(77));
  const wallet = { ...key, address: new Uint8Array(20).fill(0x3a) };

  it('is served under a key that the chain says may sign it, and under no other', async () => {
    const asked: unknown[] = [];
    const network = await start({
      async keyLimitOf(...parties) {
        asked.push(parties);
        return asked.length === 1 ? 0n : 10n ** 20n;
      },
    });
    const message = network.order({ payer: wallet });
    await expect(receive(network.client, message)).rejects.toThrow(/not signed by its payer/);
    const { finished } = await receive(network.client, message);
    expect(finished.stopReason).toBe('length');
    expect(asked).toEqual([1, 2].map(() => [wallet.address, validatorSigner.address, key.address]));
  });

  it('waits where the chain cannot be read', async () => {
    const network = await start({ keyLimitOf: () => Promise.reject(new Error('the chain is away')) });
    await expect(receive(network.client, network.order({ payer: wallet }))).rejects.toThrow(/cannot be read/);
  });
});

describe('the leader of a cohort', () => {
  it('delivers the agreement of the order beside the record, which leaves without texts', async () => {
    const agreement = new Uint8Array(40).fill(7);
    const asked: Uint8Array[] = [];
    const findAgreement = (orderHash: Uint8Array) => {
      asked.push(orderHash);
      return asked.length === 1 ? agreement : undefined;
    };
    const { client, order, validator } = await start({ findAgreement });
    const { finished } = await receive(client, order({ nonce: 1 }));
    await until(() => validator.pushed.length === 1);
    expect(validator.pushed[0]?.cohort).toEqual(agreement);
    expect(finished.cohort).toEqual(agreement);
    expect(validator.pushed[0]?.request).toHaveLength(0);
    await receive(client, order({ nonce: 2 }));
    await until(() => validator.pushed.length === 2);
    expect(validator.pushed[1]?.cohort).toHaveLength(0);
    expect(new Set(asked.map(toHex)).size).toBe(2);
  });
});

describe('the served replies', () => {
  const later: Clock & { aheadMs: number } = { aheadMs: 0, nowMs: () => Date.now() + later.aheadMs };

  it('is noted with its model and fee, and with what its validator says of it', async () => {
    const network = await start({ clock: later, provider: { outcomeIntervalMs: 20 } });
    const { client, order, validator, store } = network;
    await receive(client, order());
    await until(() => validator.pushed.length === 1);
    validator.status = { state: 'settled', verdict: 'accept', detail: '{}', feeAtomic: 5n };
    later.aheadMs = 15_000;
    await until(() => readServed(store(), 0, 1).sums.some(({ outcome }) => outcome === 'paid'));
    const { sums, unpaid } = readServed(store(), 0, 10);
    expect(sums).toMatchObject([{ model: MODEL_ID, replies: 1, owed: 5n, hasRouter: true }]);
    expect(sums[0]?.signed).toBeGreaterThan(5n);
    expect(unpaid.map(({ replyId }) => toHex(replyId))).toEqual([toHex(findReplyId())]);
  });
});

describe('a served reply', () => {
  it('is admitted, committed, pushed, opened, and makes a receipt that holds', async () => {
    const { client, order, validator, engine } = await start();
    const message = order();
    const { promptTokens, text, finished } = await receive(client, message);
    expect(text).toBe(finished.text);
    expect(promptTokens).toBe(finished.promptTokens);
    expect(validator.admitted).toHaveLength(1);

    const { opening } = await client.service(ProviderService).getOpening({ replyId: findReplyId() });
    const receipt: Receipt = {
      endpoint: 'chat',
      ledger,
      order: { bytes: message.order!.order, signature: message.order!.signature },
      ticket: {
        bytes: message.ticket!.ticket,
        publicKey: message.ticket!.routerKey,
        signature: message.ticket!.signature,
      },
      admission: finished.admission!,
      record: {
        bytes: finished.record!.record,
        publicKey: finished.record!.providerKey,
        signature: finished.record!.signature,
      },
      beacon: new Uint8Array(0),
      opening: { bytes: opening },
    };
    const verdict = await verifyReceipt(receipt, {
      crypto,
      request: message.request,
      response: utf8Encode(text),
      trust: {
        ...{ ledger, settlement: network.settlement, validators: [validator.validator()] },
        modelRoots: { [MODEL_ID]: engine.info().modelRoot },
      },
      nowMs: Date.now(),
    });
    expect(verdict.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    // This test trusts no list of routers, and the validator has not been asked for its receipt.
    expect(verdict.missing).toEqual(['router', 'intake']);
    const held = verdict.checks.filter(({ status }) => status === 'pass').map(({ id }) => id);
    expect(held).toEqual(
      expect.arrayContaining(['draw-replay', 'record-signature', 'order-signature', 'admission', 'ticket', 'fee']),
    );

    await until(() => validator.pushed.length === 1);
    const pushed = validator.pushed[0]!;
    expect(pushed.record!.record).toEqual(finished.record!.record);
    // No text of it, but what names it.
    expect([pushed.request.length, pushed.response.length]).toEqual([0, 0]);
    const summary = summarizeRequest(crypto, message.endpoint as string, message.request as Uint8Array);
    expect(pushed.requestSummary).toEqual(summary);
    expect(isWordOf(pushed)).toBe(true);
    expect(parseHeader(pushed.header)).toMatchObject({ tier: 'verified', method: 'draw-replay', payee });
    expect(parseRecordV2(pushed.record!.record).tokenCount).toBe(finished.outputTokens);
  });

  it('is keyed by the seed of a request that names one', async () => {
    const { client, order } = await start();
    const body = { seed: 42 };
    const first = await receive(client, order({ body, nonce: 1 }));
    const second = await receive(client, order({ body, nonce: 2 }));
    expect(second.text).toBe(first.text);
    expect(parseHeader(first.finished.header).drawKey.mode).toBe('seed');
    const unseeded = await receive(client, order({ nonce: 3 }));
    const other = await receive(client, order({ nonce: 4 }));
    expect(other.text).not.toBe(unseeded.text);
  });

  it('is cut at a stop string, and carries the log-probabilities that were asked for', async () => {
    const { client, order } = await start();
    const plain = await receive(client, order({ body: { seed: 7 }, nonce: 1 }));
    const [stop = ''] = /[ -~]{2,4}/.exec(plain.text) ?? [];
    const body = { seed: 8, stop: [stop], logprobs: true, top_logprobs: 2, max_tokens: 200 };
    let tokens = 0;
    let text = '';
    for await (const { event } of client.service(ProviderService).generate(order({ body, nonce: 2 }))) {
      if (event.case !== 'delta') continue;
      text += event.value.text;
      tokens += event.value.tokens.length;
      for (const token of event.value.tokens) expect(token.alternatives).toHaveLength(2);
    }
    expect(text).not.toContain(stop);
    expect(tokens).toBeGreaterThan(0);
  });
});

describe('a provider refuses', () => {
  const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte));
  const cases: readonly [string, Bend | ((message: GenerateRequest) => void), RegExp][] = [
    ['an expired ticket', { ticket: (t) => ({ ...t, issuedAtMs: 1, expiresAtMs: 2 }) }, /ticket-expiry/],
    [
      'a ticket for another provider',
      { ticket: (t) => ({ ...t, providerId: flip(t.providerId) }) },
      /ticket names another/,
    ],
    ['a ticket for another reply', { ticket: (t) => ({ ...t, replyId: flip(t.replyId) }) }, /ticket-reply/],
    ['a ticket of another router', { ticket: (t) => ({ ...t, router: flip(t.router) }) }, /disagree/],
    ['a forged ticket', (m) => (m.ticket!.signature = flip(m.ticket!.signature)), /ticket-signature/],
    ['no ticket', (m) => delete (m as { ticket?: unknown }).ticket, /ticket-encoding/],
    ['no order', (m) => delete (m as { order?: unknown }).order, /order: /],
    ['an order for another provider', { order: (o) => ({ ...o, providerId: flip(o.providerId) }) }, /another provider/],
    ['a signature of somebody else', (m) => (m.order!.signature = flip(m.order!.signature)), /not signed by its payer/],
    ['an order for another chain', { ledger: { ...ledger, chainId: 1n } }, /this chain and escrow/],
    [
      'an order for another escrow',
      { ledger: { ...ledger, verifyingContract: new Uint8Array(20) } },
      /this chain and escrow/,
    ],
    ['another request', (m) => (m.request = utf8Encode(`${new TextDecoder().decode(m.request)} `)), /another request/],
    ['an unknown model root', { order: (o) => ({ ...o, modelRoot: flip(o.modelRoot) }) }, /does not serve model root/],
    ['another model id', { body: { model: 'ogong/verified/test/other' } }, /serves ogong/],
    ['a price below its own', { order: (o) => ({ ...o, pricePer1kAtomic: 1_999_999n }) }, /the price is 2000000/],
    ['another payee', { order: (o) => ({ ...o, payee: flip(o.payee) }) }, /this provider's is 0x/],
    [
      'a larger context than it has',
      { order: (o) => ({ ...o, contextSize: 513 }) },
      /of 513 tokens, here it holds 512/,
    ],
    ['a ticket of another payee', { ticket: (t) => ({ ...t, payee: flip(t.payee) }) }, /disagree/],
    ['a ticket of another context', { ticket: (t) => ({ ...t, contextSize: 7 }) }, /disagree/],
    [
      'a maximum below the cost',
      { order: (o) => ({ ...o, maxFeeAtomic: 1_000n }) },
      /exceeds the order's maximum of 1000/,
    ],
    ['an expired order', { order: (o) => ({ ...o, expiresAtMs: 1n }) }, /order has expired/],
    [
      'an order that lives too long',
      { order: (o) => ({ ...o, expiresAtMs: o.expiresAtMs + 3_600_000n }) },
      /lives longer/,
    ],
    ['an epoch to come', { order: (o) => ({ ...o, epoch: 13n }) }, /epoch 13/],
    ['a stale epoch', { order: (o) => ({ ...o, epoch: 7n }) }, /epoch 7/],
    ['an unregistered validator', { order: (o) => ({ ...o, validator: new Uint8Array(20) }) }, /not a registered/],
    ['a choice that was not asked for', { order: (o) => ({ ...o, choice: 1 }) }, /choice/],
    ['a cache scope of any length', (m) => (m.cacheScope = new Uint8Array(33)), /at most 32 bytes/],
    ['other weights than are demanded', { body: { ogong: { model_root: '00'.repeat(32) } } }, /demands weights 0000/],
    ['an unknown endpoint', (m) => (m.endpoint = 'poem'), /unknown endpoint/],
    ['a parameter that it cannot honour', { body: { tools: [{}] } }, /only functions that the client runs/],
    ['a bias on a token that the model lacks', { body: { logit_bias: { 320: 1 } } }, /no token 320/],
    [
      'a prompt beyond its context',
      { body: { messages: [{ role: 'user', content: 'x'.repeat(600) }] } },
      /context holds 512/,
    ],
  ];

  it('a prompt that the model makes longer than may be billed', async () => {
    const fake = createFakeEngine({ contextSize: 512 });
    const tokenizePrompt = async () => new Uint32Array('Once upon a time'.length + 64 + 64 + 1);
    const { client, order, validator } = await start({ realEngine: { ...fake, tokenizePrompt } });
    const error = await refusalOf(receive(client, order()));
    expect(error.message).toMatch(/145 prompt tokens are billed, the request makes at most 144/);
    expect(validator.admitted).toHaveLength(0);
  });

  it.each(cases)('%s', async (_name, bend, expected) => {
    const { client, order, validator } = await start({ epoch: 10n });
    const current = (o: Parameters<NonNullable<Bend['order']>>[0]) => ({ ...o, epoch: 10n });
    const bent = typeof bend === 'function' ? {} : bend;
    const message = order({ ...bent, order: (o) => bent.order?.(current(o)) ?? current(o) });
    if (typeof bend === 'function') bend(message);
    const error = await refusalOf(receive(client, message));
    expect(error.message).toMatch(expected);
    expect(error.code).toBe('remote');
    expect(validator.admitted).toHaveLength(0);
    // The slot is free again.
    await receive(client, order({ order: current, nonce: 9 }));
  });

  it('orders of validators that its settings do not name', async () => {
    const { client, order, validator } = await start({ provider: { validators: ['127.0.0.1:1'] } });
    expect((await refusalOf(receive(client, order()))).message).toMatch(/works with/);
    expect(validator.admitted).toHaveLength(0);
  });

  it.each([
    ['has no bond', findNobody, /has no bond as one/],
    [
      'names another key',
      async () => ({ ticketKey: new Uint8Array(32), sinceMs: 0, untilMs: undefined }),
      /another key than the router's/,
    ],
    ['cannot be read', () => Promise.reject(new Error('down')), /cannot be read: down/],
  ] as const)('an order whose router %s', async (_, findRouter, message) => {
    const { client, order, validator } = await start({ findRouter });
    expect((await refusalOf(receive(client, order()))).message).toMatch(message);
    expect(validator.admitted).toHaveLength(0);
  });

  it('an order in a tier that asks for more than its key has to lose, by the time of the order', async () => {
    const [, tier = ''] = MODEL_ID.split('/');
    const tierStakes = new Map([[tier, 5n]]);
    const minute = Math.floor(Date.now() / 60_000) + 2;
    // Orders that expire from that minute on are of a period later than those before it.
    const heldIn = async (period: number) => (period < minute - 11 ? 5n * 10n ** 18n : 5n * 10n ** 18n - 1n);
    const { client, order, validator } = await start({ tierStakes, heldIn });
    const expiring = (ms: number, nonce: number) =>
      order({ nonce, order: (each) => ({ ...each, expiresAtMs: BigInt(minute * 60_000 + ms) }) });
    expect((await refusalOf(receive(client, expiring(0, 1)))).message).toMatch(
      /tier \w+ takes 5 whole tokens to lose, and its provider had 4/,
    );
    expect(validator.admitted).toHaveLength(0);
    await receive(client, expiring(-1, 2));
    expect(validator.admitted).toHaveLength(1);
    const unread = await start({ tierStakes, heldIn: () => Promise.reject(new Error('down')) });
    expect((await refusalOf(receive(unread.client, unread.order()))).message).toMatch(/cannot be read: down/);
    const other = await start({ tierStakes: new Map([['tee', 5n]]), heldIn: () => expect.unreachable() });
    await receive(other.client, other.order());
  });

  it.each<[string, NetworkOptions, RegExp]>([
    ['whose channel is empty', { channel: { ...FULL_CHANNEL, spendable: 0n } }, /holds 0 on the chain/],
    ['whose router has no bond', { findRouter: findNobody }, /has no bond/],
  ])('the order of a payer %s before it parses the request', async (_, options, expected) => {
    const { client, order } = await start(options);
    const message = order();
    // No parser reads this body, so a refusal for the money shows that none has tried.
    message.request = utf8Encode('{');
    expect((await refusalOf(receive(client, message))).message).toMatch(expected);
  });

  it("a request that nobody can read, and gives the room in the payer's channel back", async () => {
    const { client, order } = await start({ channel: { ...FULL_CHANNEL, spendable: 10_000_000n } });
    for (const nonce of [1, 2, 3]) {
      const message = order({ nonce });
      message.request = utf8Encode('{');
      expect((await refusalOf(receive(client, message))).message).toMatch(/request: /);
    }
    await receive(client, order({ nonce: 4 }));
  });

  it('a reply id that it has seen, after a restart too', async () => {
    const net = await start();
    await receive(net.client, net.order());
    expect((await refusalOf(receive(net.client, net.order()))).refusal).toBe('conflict');
    await net.restart();
    expect((await refusalOf(receive(net.client, net.order({ body: { max_tokens: 3 } })))).refusal).toBe('conflict');
    await receive(net.client, net.order({ nonce: 2 }));
  });

  it('a reply id that it has served, long after its order expired', async () => {
    const clock = { ...systemClock, nowMs: () => Date.now() };
    const { client, order, store, validator } = await start({ clock });
    await receive(client, order());
    await until(() => validator.pushed.length === 1);
    store().prepare('DELETE FROM reply').run();
    const nowMs = clock.nowMs() + 1_500_000;
    clock.nowMs = () => nowMs;
    const again = order({
      order: (each) => ({ ...each, expiresAtMs: BigInt(nowMs + 60_000) }),
      ticket: (each) => ({ ...each, issuedAtMs: nowMs, expiresAtMs: nowMs + 60_000 }),
    });
    expect((await refusalOf(receive(client, again))).refusal).toBe('conflict');
    expect(validator.admitted).toHaveLength(1);
  });

  it('an order that its lost store may have known, until no such order lives', async () => {
    const clock = { ...systemClock, nowMs: () => Date.now() };
    const { client, order, store } = await start({ clock });
    const nowMs = clock.nowMs();
    expect(beginMemory(store(), { nowMs, isKeyNew: false })).toBe(nowMs + 630_000);
    const refusal = await refusalOf(receive(client, order()));
    expect(refusal.refusal).toBe('precondition');
    expect(refusal.message).toContain('forgotten');
    clock.nowMs = () => nowMs + 570_001;
    const later = order({
      order: (each) => ({ ...each, expiresAtMs: BigInt(nowMs + 630_001) }),
      ticket: (each) => ({ ...each, issuedAtMs: clock.nowMs(), expiresAtMs: clock.nowMs() + 60_000 }),
    });
    await expect(receive(client, later)).resolves.toBeDefined();
  });

  it('two orders of one reply id that arrive at once', async () => {
    const { client, order, validator } = await start();
    const outcomes = await Promise.allSettled([receive(client, order()), receive(client, order())]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(validator.admitted).toHaveLength(1);
  });

  it('to serve an order that the validator does not admit, before any text leaves', async () => {
    const { client, order, validator, provider } = await start();
    validator.onAdmit = () => {
      throw new Refusal('precondition', 'the channel is exhausted');
    };
    const events: unknown[] = [];
    const call = (async () => {
      for await (const event of client.service(ProviderService).generate(order())) events.push(event);
    })();
    expect((await refusalOf(call)).message).toMatch(/channel is exhausted/);
    expect(events).toEqual([]);
    await until(() => provider.activeReplies() === 0);
    expect(validator.pushed).toHaveLength(0);
  });

  it('to serve an order that it cannot store, before any output leaves', async () => {
    const { client, order, provider, store, validator } = await start();
    store().database.exec("CREATE TRIGGER broken BEFORE INSERT ON reply BEGIN SELECT RAISE(ABORT, 'no'); END");
    const events: unknown[] = [];
    const call = (async () => {
      for await (const event of client.service(ProviderService).generate(order())) events.push(event);
    })();
    await refusalOf(call);
    expect(events).toEqual([]);
    await until(() => provider.activeReplies() === 0);
    expect(validator.pushed).toHaveLength(0);
    expect(validator.admitted).toHaveLength(0);
    store().database.exec('DROP TRIGGER broken');
    await receive(client, order());
  });

  it('to go on with a text that no validator accepts: it signs nothing and stops the engine', async () => {
    const fake = createFakeEngine({ contextSize: 512 });
    let tokens = 0;
    async function* generate(...call: Parameters<typeof fake.generate>) {
      for await (const event of fake.generate(...call)) {
        if (event.kind === 'token') tokens++;
        yield event.kind === 'token' ? { ...event, text: 'x'.repeat(200_000) } : event;
      }
    }
    const { client, order, validator, provider } = await start({ realEngine: { ...fake, generate } });
    const error = await refusalOf(receive(client, order({ body: { max_tokens: 40 } })));
    expect(error.refusal).toBe('precondition');
    expect(error.message).toMatch(/1048576 bytes of text/);
    expect(tokens).toBe(6);
    await until(() => provider.activeReplies() === 0);
    expect(validator.pushed).toHaveLength(0);
  });

  it('more replies than it has slots, as something to retry elsewhere', async () => {
    const { client, order, validator, provider } = await start({ engine: { sequences: 1 } });
    let release = (): void => {};
    validator.onAdmit = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const first = receive(client, order({ nonce: 1 }));
    await until(() => provider.activeReplies() === 1);
    const error = await refusalOf(receive(client, order({ nonce: 2 })));
    expect(error.refusal).toBe('unavailable');
    expect(error.retryable).toBe(true);
    await until(() => validator.admitted.length === 0);
    release();
    await first;
  });
});

describe('a consumer that leaves', () => {
  it('frees the slot, and delivers the progress with the reply, also over a restart', async () => {
    const { client, order, provider, validator, restart } = await start({ engine: { stepMs: 5 } });
    const message = order({ body: { max_tokens: 200 } });
    const progress = openProgress(client, message);
    validator.onPush = () => {
      throw new Refusal('unavailable', 'not now');
    };
    for await (const { event } of client.service(ProviderService).generate(message)) {
      if (event.case !== 'delta') continue;
      progress.add(event.value.text);
      await progress.leave();
    }
    await until(() => provider.activeReplies() === 0);
    await restart();
    validator.onPush = () => {};
    await until(() => validator.pushed.length === 1);
    const [pushed] = validator.pushed;
    const header = parseHeader(pushed!.header);
    expect(header.stopReason).toBe('cancelled');
    expect(header.outputTokenCount).toBeGreaterThan(0);
    expect(header.outputTokenCount).toBeLessThan(200);
    expect(parseProgress(pushed!.progress!.progress).hasLeft).toBe(true);
    expect(pushed!.progress!.signature).toEqual(progress.latest()!.signature);
  });

  it('is believed for its signature alone', async () => {
    const { client, order, connect, provider, validator } = await start({ engine: { stepMs: 5 } });
    const message = order({ body: { max_tokens: 400 } });
    const fields = { ...nameOrder(crypto, ledger, parseOrder(message.order!.order)), ledger, hasLeft: true };
    const empty = { textBytes: 0, textHash: NO_BEGINNING };
    const stranger = createNobleLedgerSigner(new Uint8Array(32).fill(99));
    const honest = signProgress(crypto, payer, { ...fields, ...empty });
    const lies = [
      signProgress(crypto, stranger, { ...fields, ...empty }),
      signProgress(crypto, payer, { ...fields, ...empty, orderHash: new Uint8Array(32) }),
      signProgress(crypto, payer, { ...fields, ...empty, textHash: new Uint8Array(32).fill(1) }),
      signProgress(crypto, payer, { ...fields, textBytes: 1_000_000, textHash: new Uint8Array(32) }),
      signProgress(crypto, payer, { ...fields, ...empty, hasLeft: false }),
      { ...honest, progress: honest.progress.slice(1) },
    ];
    let refused = 0;
    for await (const { event } of client.service(ProviderService).generate(message)) {
      if (event.case !== 'delta' || refused > 0) continue;
      const { replyId } = fields;
      for (const progress of lies) {
        expect((await refusalOf(client.service(ProviderService).progress({ replyId, progress }))).refusal).toBe(
          'invalid',
        );
        refused++;
      }
      const other = (await connect(4)).service(ProviderService);
      expect((await refusalOf(other.progress({ replyId, progress: honest }))).refusal).toBe('not-found');
      await client.service(ProviderService).progress({ replyId, progress: honest });
    }
    expect(refused).toBe(lies.length);
    await until(() => provider.activeReplies() === 0 && validator.pushed.length === 1);
    expect(validator.pushed[0]!.progress!.signature).toEqual(honest.signature);
  });

  it('without a signed progress has ordered the whole reply: it is served to its end, and billed', async () => {
    const { client, order, provider, validator } = await start({ engine: { stepMs: 2 } });
    for await (const { event } of client.service(ProviderService).generate(order({ body: { max_tokens: 60 } }))) {
      if (event.case === 'delta') break;
    }
    await until(() => provider.activeReplies() === 0 && validator.pushed.length === 1);
    const header = parseHeader(validator.pushed[0]!.header);
    expect(header.stopReason).not.toBe('cancelled');
    expect(validator.pushed[0]!.progress).toBeUndefined();
  });

  /** Each token is 50 bytes of text. */
  function openWordy() {
    const fake = createFakeEngine({ contextSize: 1_024, stepMs: 1 });
    async function* generate(...call: Parameters<typeof fake.generate>): ReturnType<typeof fake.generate> {
      for await (const event of fake.generate(...call)) {
        yield event.kind === 'token' ? { ...event, text: 'x'.repeat(50) } : event;
      }
    }
    return start({ realEngine: { ...fake, generate } });
  }

  it('or reads a long reply to its end has its progress delivered with it: the reply is paid by that', async () => {
    const { client, order, validator } = await openWordy();
    await receive(client, order({ body: { max_tokens: 120 } }));
    await until(() => validator.pushed.length === 1);
    const [pushed] = validator.pushed;
    const { stopReason, outputTokenCount } = parseHeader(pushed!.header);
    expect(stopReason).not.toBe('cancelled');
    const said = parseProgress(pushed!.progress!.progress);
    expect(said.textBytes).toBeGreaterThanOrEqual(outputTokenCount * 50 - PROGRESS_WINDOW_BYTES);
  });

  it('without further progress receives no more than its signed progress and a window', async () => {
    const { client, order, provider, validator } = await openWordy();
    const message = order({ body: { max_tokens: 500 } });
    const progress = openProgress(client, message);
    let textBytes = 0;
    for await (const { event } of client.service(ProviderService).generate(message)) {
      if (event.case !== 'delta') continue;
      textBytes += event.value.text.length;
      progress.add(event.value.text);
      // More than a window came, so the provider has received a signed progress.
      if (textBytes > PROGRESS_WINDOW_BYTES) break;
    }
    await until(() => provider.activeReplies() === 0 && validator.pushed.length === 1);
    const [pushed] = validator.pushed;
    const { stopReason, outputTokenCount } = parseHeader(pushed!.header);
    expect({ stopReason, hasLeft: parseProgress(pushed!.progress!.progress).hasLeft }).toEqual({
      ...{ stopReason: 'cancelled', hasLeft: false },
    });
    expect(outputTokenCount).toBeLessThan(500);
  });

  it('or lets its order expire has the reply committed as far as it is', async () => {
    const { client, order, provider, validator } = await start({ engine: { stepMs: 20 } });
    const short = order({
      body: { max_tokens: 400 },
      order: (o) => ({ ...o, expiresAtMs: BigInt(Date.now() + 3_000) }),
    });
    const { finished } = await receive(client, short).catch(() => ({ finished: undefined }));
    await until(() => provider.activeReplies() === 0 && validator.pushed.length === 1);
    const header = parseHeader(validator.pushed[0]!.header);
    expect(header.stopReason).toBe('cancelled');
    expect(header.outputTokenCount).toBeGreaterThan(0);
    expect(header.outputTokenCount).toBeLessThan(400);
    expect(finished).toBeUndefined();
  });

  it('and signs nothing until its order runs out owes what was made, though nothing is billed', async () => {
    const { client, order, provider, validator, store } = await start({ engine: { stepMs: 20 } });
    const short = order({
      body: { max_tokens: 400 },
      order: (o) => ({ ...o, expiresAtMs: BigInt(Date.now() + 3_000) }),
    });
    for await (const { event } of client.service(ProviderService).generate(short)) {
      if (event.case === 'delta') break;
    }
    await until(() => provider.activeReplies() === 0 && validator.pushed.length === 1);
    expect(validator.pushed[0]!.progress).toBeUndefined();
    expect(parseHeader(validator.pushed[0]!.header).stopReason).toBe('cancelled');
    const [debt] = store().database.prepare('SELECT served FROM receivable').all();
    expect(BigInt(String(debt?.served))).toBeGreaterThan(0n);
  });

  it('owes nothing where the order is not admitted', async () => {
    const { client, order, provider, validator } = await start();
    let refuse: ((error: Error) => void) | undefined;
    validator.onAdmit = () =>
      new Promise((_, reject) => {
        refuse = reject;
      });
    const leave = new AbortController();
    const call = (async () => {
      for await (const _ of client.service(ProviderService).generate(order(), { signal: leave.signal }));
    })();
    await until(() => refuse !== undefined);
    leave.abort();
    expect((await refusalOf(call)).code).toBe('canceled');
    refuse?.(new Refusal('precondition', 'no funds'));
    await until(() => provider.activeReplies() === 0);
    expect(validator.pushed).toHaveLength(0);
  });
});

describe('a failing engine', () => {
  it('leaves no record behind, and says that another try may help', async () => {
    const { client, order, provider, validator } = await start({ engine: { failAtDecode: 12 } });
    const error = await refusalOf(receive(client, order()));
    expect(error.retryable).toBe(true);
    await until(() => provider.activeReplies() === 0);
    expect(validator.pushed).toHaveLength(0);
  });
});

describe('openings', () => {
  it('are for the consumer and registered validators only', async () => {
    const { client, order, connect, restart } = await start();
    const { finished } = await receive(client, order());
    const replyId = findReplyId();
    const validator = (await connect(3)).service(ProviderService);
    const { opening } = await validator.getOpening({ replyId });
    expect(toHex(parseOpening(opening).header)).toBe(toHex(finished.header));
    const stranger = (await connect(4)).service(ProviderService);
    const refused = await refusalOf(stranger.getOpening({ replyId }));
    const missing = await refusalOf(stranger.getOpening({ replyId: new Uint8Array(16).fill(77) }));
    expect(refused.refusal).toBe('not-found');
    expect(refused.message).toBe(missing.message);
    await restart();
    const again = (await connect(3)).service(ProviderService);
    expect((await again.getOpening({ replyId })).opening).toEqual(opening);
  });

  it('are kept for their time after the order has expired, and are gone after it', async () => {
    const openingTtlMs = 7_000_000;
    const { client, order, restart, store } = await start({ provider: { openingTtlMs } });
    const request = order();
    await receive(client, request);
    const { expiresAtMs } = parseOrder(request.order!.order);
    const [kept] = store().prepare('SELECT expires_at_ms AS until FROM opening').all();
    expect(kept?.until).toBe(Number(expiresAtMs) + openingTtlMs);
    store()
      .prepare('UPDATE opening SET expires_at_ms = ?')
      .run(Date.now() - 60_000);
    await restart();
    await until(() => store().prepare('SELECT count(*) AS n FROM opening').get()?.n === 0);
  });
});

const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte));

describe('blobs', () => {
  const directory = createTestDirectory('served-blobs');
  afterAll(() => directory.remove());
  const bytes = Uint8Array.from({ length: 150_000 }, (_, i) => (i * 31) & 255);
  const committed: { ref?: BlobRef } = {};
  /** A text with a blob, which its opening does not name. */
  const commit: CommitReply = (...given) => {
    const reply = commitReply(...given);
    const hasher = createBlobHasher(crypto, parseOpening(reply.opening).blind);
    hasher.push(bytes);
    committed.ref = hasher.finish().ref;
    return { ...reply, blobs: [{ ref: committed.ref, bytes }] };
  };

  it('are kept before the record is due, and sent to the readers of the opening alone', async () => {
    const folder = join(directory.path, 'kept');
    const findExpiry = () => Date.now() + 60_000;
    const blobs = await openBlobStore({ folder, maxBytes: 1e6 }, { crypto, findExpiry });
    const { client, order, connect } = await start({ commit, blobs });
    await receive(client, order());
    const replyId = findReplyId();
    const validator = (await connect(3)).service(ProviderService);
    const { blind } = parseOpening((await validator.getOpening({ replyId })).opening);
    const wanted = { replyId, ref: committed.ref as BlobRef, blind };
    const limits = { crypto, maxBytes: 1e6, timeoutMs: 10_000 };
    expect(await fetchBlob(validator, wanted, limits)).toEqual(bytes);
    expect(await fetchBlob(client.service(ProviderService), wanted, limits)).toEqual(bytes);
    const stranger = (await connect(4)).service(ProviderService);
    const refused = await fetchBlob(stranger, wanted, limits).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'withheld', cause: { refusal: 'not-found' } });
  });

  it('without room fail the reply, and no record is due', async () => {
    const folder = join(directory.path, 'full');
    const blobs = await openBlobStore({ folder, maxBytes: 100_000 }, { crypto, findExpiry: () => undefined });
    const { client, order, validator } = await start({ commit, blobs });
    expect((await refusalOf(receive(client, order()))).message).toContain('the disk budget for blobs is used up');
    await until(() => validator.ended.length === 1);
    expect(validator.pushed).toEqual([]);
    expect(blobs.usedBytes()).toBe(0);
  });
});

describe('an admission', () => {
  let signLate = (_timeMs: number): SignedAdmission => ({ epoch: 0n, timeMs: 0n, signature: new Uint8Array(65) });
  it.each<[string, (given: SignedAdmission) => SignedAdmission, string]>([
    ['is not signed', (given) => ({ ...given, signature: flip(given.signature) }), 'did not sign'],
    ['names another epoch than was signed', (given) => ({ ...given, epoch: 1n }), 'did not sign'],
    ['names another time than was signed', (given) => ({ ...given, timeMs: 1n }), 'did not sign'],
    ['is cut', (given) => ({ ...given, signature: given.signature.slice(1) }), 'did not sign'],
    ['came after the order had expired', () => signLate(Date.now() + 600_000), 'had expired'],
    ['is of a time ahead', () => signLate(Date.now() + 90_000), "ahead of this machine's clock"],
    ['is older than an order may be', () => signLate(Date.now() - 700_000), "ahead of this machine's clock"],
  ])('that %s admits nothing, so nothing is served', async (_what, bend, message) => {
    const { client, order, validator } = await start();
    const asked = order({ order: (one) => ({ ...one, expiresAtMs: BigInt(Date.now() + 300_000) }) });
    signLate = (timeMs) => {
      const orderHash = hashOrder(crypto, ledger, parseOrder(asked.order!.order));
      return signAdmission(crypto, validatorSigner, { ledger, orderHash, epoch: 0n, timeMs: BigInt(timeMs) });
    };
    validator.bendAdmission = bend;
    expect((await refusalOf(receive(client, asked))).message).toContain(message);
    await until(() => validator.ended.length === 1);
    expect(validator.pushed).toEqual([]);
    validator.bendAdmission = (admission) => admission;
    await receive(client, order({ nonce: 2 }));
  });
});

describe('the outbox', () => {
  it('delivers a record once, after a restart of the provider, to a validator that was down', async () => {
    const net = await start();
    const { validator } = net;
    const replies = [];
    for (const nonce of [1, 2, 3]) {
      validator.onPush = () => {
        throw new Error('the disk is on fire');
      };
      replies.push(await receive(net.client, net.order({ nonce })));
    }
    await validator.stop();
    await net.restart();
    validator.onPush = () => {};
    await validator.start();
    await until(() => new Set(validator.pushed.map(({ record }) => toHex(record!.record))).size === 3);
    for (const { finished } of replies) {
      const sent = validator.pushed.filter(({ record }) => toHex(record!.record) === toHex(finished.record!.record));
      for (const { record } of sent) expect(record).toEqual(finished.record);
    }
    await until(() => net.store().prepare('SELECT count(*) AS n FROM outbox').get()?.n === 0);
  });

  it("keeps the validator's signed receipt of each record", async () => {
    const { client, order, validator, store } = await start();
    const { finished } = await receive(client, order());
    await until(() => store().prepare('SELECT count(*) AS n FROM intake').get()?.n === 1);
    const kept = store().prepare('SELECT * FROM intake').get() as Record<string, Uint8Array>;
    const receipt = {
      validator: validator.validator().address,
      orderHash: kept.order_hash as Uint8Array,
      recordHash: hashRecord(crypto, finished.record!.record),
      epoch: 0n,
      signature: kept.signature as Uint8Array,
    };
    expect(verifyIntake(crypto, { ledger, signingKey: validator.validator().signingKey }, receipt)).toBe(true);
    expect(store().prepare('SELECT count(*) AS n FROM outbox').get()?.n).toBe(0);
  });

  it('sends a record again until its validator signs for it', async () => {
    const { client, order, validator, store } = await start();
    validator.bendReceipt = flip;
    await receive(client, order());
    await until(() => validator.pushed.length >= 2);
    expect(store().prepare('SELECT count(*) AS n FROM outbox').get()?.n).toBe(1);
    expect(store().prepare('SELECT count(*) AS n FROM intake').get()?.n).toBe(0);
    validator.bendReceipt = (signature) => signature;
    await until(() => store().prepare('SELECT count(*) AS n FROM intake').get()?.n === 1);
  });

  it('keeps what a validator refuses for good, and does not send it again', async () => {
    const { client, order, validator, store } = await start();
    let pushes = 0;
    validator.onPush = () => {
      pushes++;
      throw new Refusal('conflict', 'another record has this id');
    };
    await receive(client, order());
    await until(() => store().prepare('SELECT refused FROM outbox').get()?.refused != null);
    expect(String(store().prepare('SELECT refused FROM outbox').get()?.refused)).toContain('another record');
    await receive(client, order({ nonce: 2 }));
    await until(() => pushes === 2);
  });

  it('stops new orders when it is full', async () => {
    const { client, order, validator } = await start({
      provider: { outbox: { capacity: 1, firstRetryMs: 60_000, maxRetryMs: 60_000 } },
    });
    validator.onPush = () => {
      throw new Error('down');
    };
    await receive(client, order());
    expect((await refusalOf(receive(client, order({ nonce: 2 })))).message).toMatch(/too many records wait/);
  });
});

describe('a provider that stops', () => {
  it('lets a running reply end, takes no new one, and says so to the market', async () => {
    const { client, order, provider, validator, store } = await start({ engine: { stepMs: 5 } });
    const running = receive(client, order());
    await until(() => validator.admitted.length === 1);
    const stopped = provider.stop(20_000);
    expect((await refusalOf(receive(client, order({ nonce: 2 })))).message).toMatch(/shutting down|connection/);
    const { finished } = await running;
    expect(finished.stopReason).toBe('length');
    await stopped;
    const last = verifyAnnouncement(crypto, validator.announced.at(-1)!, { ledger, nowMs: Date.now() });
    expect(last.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(last.announcement).toMatchObject({ payee, models: [{ capacity: 8, freeCapacity: 0 }] });
    expect(store().prepare('SELECT count(*) AS n FROM opening').get()?.n).toBe(1);
  });

  it('signs no record for a reply that it did not finish', async () => {
    const { client, order, provider, validator, store } = await start({ engine: { stepMs: 50 } });
    const running = refusalOf(receive(client, order({ body: { max_tokens: 200 } })));
    await until(() => validator.admitted.length === 1);
    await provider.stop(100);
    expect((await running).retryable).toBe(true);
    expect(store().prepare('SELECT count(*) AS n FROM opening').get()?.n).toBe(0);
    expect(validator.pushed).toEqual([]);
  });
});
