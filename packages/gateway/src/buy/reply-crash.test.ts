import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool } from '@ogong/host/link/link-pool';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import { systemClock } from '@ogong/host/time/clock';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { hashOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import {
  createFakeNetwork,
  FAKE_MODEL,
  type FakeNetwork,
  fakePayer,
  type ProviderBehaviour,
} from '@ogong/testing/gateway/fake-network';
import { localChecker } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChannelLedger } from '../books/channel-ledger.ts';
import { createEscrowFunding } from '../books/escrow-funding.ts';
import { createReceiptStore } from '../books/receipt-store.ts';
import { GATEWAY_SCHEMA } from '../books/schema.ts';
import { createTextForm } from '../front/text-form.ts';
import { createComplaintOutbox } from '../outbox/complaint-outbox.ts';
import { createComplaintRations } from '../outbox/complaint-rations.ts';
import { createDeliveryOutbox } from '../outbox/delivery-outbox.ts';
import { createMilestoneOutbox } from '../outbox/milestone-outbox.ts';
import { createCacheScopes } from './cache-scope.ts';
import { createProviderMatch } from './match/provider-match.ts';
import { createRouters } from './match/routers.ts';
import { createPromptMeter } from './prompt-meter.ts';
import { createProviderCall } from './provider-call.ts';
import { createReplyService, type ReplyServiceContext } from './reply-service.ts';
import { createValidatorChoice } from './validator-choice.ts';

/** Kills the process, as far as its dependencies can tell: from one call on, none of them does anything any more. */
interface Death {
  /** Calls until it happens; Infinity for a long life. */
  at: number;
  /** Whether the call that it happens in still takes effect. */
  readonly isAfter: boolean;
  calls: number;
}

class Died extends Error {}

/** These answer at once; all others with a promise. */
const AT_ONCE = new Set<string | symbol>(['exclude', 'doubt', 'noteRefused', 'noteAdmitted', 'generate']);

function step(death: Death, name: string | symbol, work: () => unknown): unknown {
  const call = death.calls++;
  if (call < death.at) return work();
  if (AT_ONCE.has(name)) {
    if (call === death.at && death.isAfter) work();
    throw new Died();
  }
  const effect = call === death.at && death.isAfter ? Promise.resolve(work()) : Promise.resolve();
  return effect.then(() => {
    throw new Died();
  });
}

/** Every method of an object, generators included, becomes a step in which the process may die. */
function mortal<T extends object>(object: T, death: Death): T {
  return new Proxy(object, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const result =
          name === 'channel' || name === 'leastTerms'
            ? value.apply(target, args)
            : step(death, name, () => value.apply(target, args));
        const isGenerator = typeof result === 'object' && result !== null && Symbol.asyncIterator in result;
        return isGenerator ? mortal(result, death) : result;
      };
    },
  });
}

const body = utf8Encode(
  JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 3 }),
);
const request = parseRequest(body, 'chat');

let links: LinkPool;
beforeAll(async () => {
  links = createLinkPool({
    identity: createLinkIdentity(new Secret(new Uint8Array(randomBytes(32)))),
    dialPolicy: 'any',
  });
});
afterAll(() => links.close());

/** One life of a gateway over the same file. */
function live(path: string, network: FakeNetwork, death: Death) {
  const store = openStore(path, { schema: GATEWAY_SCHEMA });
  const books = createWorkStore(store);
  const { chain } = network;
  const ledger = createChannelLedger(books);
  const receipts = createReceiptStore(books);
  const rations = createComplaintRations({ books, clock: systemClock });
  const complaints = createComplaintOutbox({ books, chain, links, clock: systemClock, payer: fakePayer, rations });
  const deliveries = createDeliveryOutbox({ books, chain, links, clock: systemClock });
  const milestones = createMilestoneOutbox({ books, chain, links, clock: systemClock });
  const timeouts = { firstTokenTimeoutMs: 5_000, idleTimeoutMs: 5_000, totalTimeoutMs: 10_000 };
  const price = { maxPricePer1kAtomic: 10n ** 18n, busyPatienceMs: 0 };
  const context: ReplyServiceContext = {
    chain,
    beacon: network.beacon,
    links,
    payer: fakePayer,
    matches: mortal(
      createProviderMatch(price, {
        routers: createRouters({ routers: [network.router] }, { links }),
        clock: systemClock,
        earnings: { heldFor: async () => 0n },
      }),
      death,
    ),
    providers: mortal(createProviderCall(timeouts, { links }), death),
    prompts: createPromptMeter(),
    validators: mortal(createValidatorChoice({ chain, links, latestEpoch: () => 0n, random: () => 0 }), death),
    funding: mortal(
      createEscrowFunding(
        { payer: fakePayer.address, depositAtomic: 0n, allowanceAtomic: 0n },
        { chain, onError() {} },
      ),
      death,
    ),
    ledger: mortal(ledger, death),
    receipts: mortal(receipts, death),
    complaints: mortal(complaints, death),
    deliveries: mortal(deliveries, death),
    milestones: mortal(milestones, death),
    checker: mortal(localChecker, death),
    clock: systemClock,
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    nameCacheScope: createCacheScopes(new Uint8Array(32)),
  };
  const replies = createReplyService(context);
  return {
    store,
    ledger,
    receipts,
    complaints,
    deliveries,
    async ask(): Promise<string | undefined> {
      const key = { id: 'key', budgetAtomic: undefined };
      const signal = new AbortController().signal;
      const job = {
        completionId: 'chatcmpl-1',
        choice: 0,
        endpoint: 'chat' as const,
        body,
        request,
        form: createTextForm(request),
        key,
        signal,
      };
      const stream = replies.serve(job);
      try {
        for (;;) {
          const next = await stream.next();
          if (next.done) return next.value.replyId;
        }
      } catch {
        return undefined;
      }
    },
  };
}

const behaviours: [what: string, behaviours: ProviderBehaviour[]][] = [
  ['serves', [{}]],
  ['dies', [{ dieAfter: 1 }, { dieAfter: 1 }]],
  ['cheats', [{ signedText: 'something else' }]],
];

describe.each(behaviours)('a gateway whose provider %s', (_what, given) => {
  it.each([false, true])(
    'may be killed at any call (after its effect: %s) and owes what it signed',
    async (isAfter) => {
      const network = await createFakeNetwork(given);
      const counting: Death = { at: Number.POSITIVE_INFINITY, isAfter, calls: 0 };
      await run(network, counting);
      expect(counting.calls).toBeGreaterThan(8);
      for (let at = 0; at < counting.calls; at++) await run(network, { at, isAfter, calls: 0 });
      await network.close();
    },
  );
});

async function run(network: FakeNetwork, death: Death): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-crash-'));
  const path = join(directory, 'gateway.db');
  network.orders.length = 0;
  network.complaints.length = 0;
  network.deliveries.length = 0;
  try {
    const first = live(path, network, death);
    const answered = await first.ask();
    first.store.close();

    const second = live(path, network, { at: Number.POSITIVE_INFINITY, isAfter: false, calls: 0 });
    if (answered !== undefined) expect(await second.receipts.get(answered)).toBeDefined();
    const answeredAgain = await second.ask();
    const context = `killed at call ${death.at}`;
    const channels = new Map<string, bigint>();
    for (const order of network.orders) {
      // Each order that reached a provider is in the store, as it was signed.
      const row = await second.ledger.find(toHex(order.replyId));
      expect(row, context).toBeDefined();
      expect(order).toMatchObject(parseOrder(row!.order));
      expect(crypto.recoverAddress(hashOrder(crypto, network.chain.ledger, order), row!.signature)).toEqual(
        fakePayer.address,
      );
      const validator = toHex(order.validator);
      expect(order.cumulativeAtomic > (channels.get(validator) ?? 0n), context).toBe(true);
      channels.set(validator, order.cumulativeAtomic);
    }
    for (const [validator, voucher] of channels) {
      const { cumulativeAtomic, owedAtomic, outstandingAtomic } = await second.ledger.channel(validator);
      const unsettled = (await second.ledger.listUnsettled(1000, 0)).filter((row) => row.validator === validator);
      const rows = await second.ledger.findAll(unsettled.map(({ replyId }) => replyId));
      const signedAway = rows.reduce((sum, { maxFeeAtomic }) => sum + maxFeeAtomic, 0n);
      expect(outstandingAtomic, context).toBe(signedAway);
      expect(cumulativeAtomic, context).toBe(owedAtomic + outstandingAtomic);
      expect(voucher <= cumulativeAtomic, context).toBe(true);
    }
    // Each complaint is delivered, also one of a gateway that died over it.
    const waiting = await second.complaints.size();
    for (let round = 0; (await second.complaints.size()) > 0 && round < 50; round++) await second.complaints.flush();
    expect(network.complaints.length, context).toBe(waiting);
    // So is what was answered: a reply that its consumer has is acknowledged.
    for (let round = 0; (await second.deliveries.size()) > 0 && round < 50; round++) await second.deliveries.flush();
    const acknowledged = new Set(network.deliveries.map(({ order }) => toHex(order?.order ?? new Uint8Array())));
    for (const replyId of [answered, answeredAgain].filter((id) => id !== undefined)) {
      const order = (await second.ledger.find(replyId))?.order ?? new Uint8Array();
      expect(acknowledged.has(toHex(order)), context).toBe(true);
    }
    second.store.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
}
