import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createClient } from '@ogong/sdk';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { ledger, network } from '@ogong/testing/validator/test-bench';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, startRouter } from './gateway-path.ts';
import { startProvider } from './path-provider.ts';
import { startValidator } from './path-validator.ts';

const MODEL = 'ogong/verified/test/fake';
const PRICE = 2_000_000n;
const STANDBY = 50_000n;
/** The slow provider shows nothing before, and the quick one nothing before the slow one has begun: neither depends on the machine. */
const released = Promise.withResolvers<void>();
const begun = Promise.withResolvers<void>();
const feeOf = (price: bigint, tokens: number): bigint => (price * BigInt(tokens) + 999n) / 1_000n;

async function open() {
  // Replies without an audit are paid. This test looks at the fees.
  const validator = await startValidator({ alphaPpm: 0 });
  const router = await startRouter(validator);
  const engine = createFakeEngine({ contextSize: 512 });
  const start = (name: string, served: typeof engine) =>
    startProvider(name, {
      offers: [{ modelId: MODEL, pricePer1kAtomic: PRICE, standbyPer1kAtomic: STANDBY, engine: served }],
      ...{ validator, routers: [router.peer] },
    });
  const slow = await start('slow', {
    ...engine,
    async *generate(request, options) {
      begun.resolve();
      await released.promise;
      yield* engine.generate(request, options);
    },
  });
  const quick = await start('quick', {
    ...engine,
    async *generate(request, options) {
      await begun.promise;
      yield* engine.generate(request, options);
    },
  });
  const hedging = { isDefault: false, share: 1, patienceMs: 100 };
  const gateway = await startGateway(validator, router.peer, { hedging });
  const trust = {
    ...{ ledger, settlement: network.settlement, validators: validator.chain.validators(), routers: [router.id] },
    modelRoots: { [MODEL]: engine.info().modelRoot },
  };
  return {
    ...{ validator, slow, quick, trust, url: gateway.url },
    async close() {
      await gateway.close();
      await Promise.all([slow.close(), quick.close()]);
      await router.close();
      await validator.close();
      await engine.close();
    },
  };
}

let path: Awaited<ReturnType<typeof open>>;
beforeAll(async () => {
  path = await open();
});
afterAll(() => {
  released.resolve();
  return path.close();
});

interface OgongJson {
  readonly receipts: readonly {
    readonly reply_id: string;
    readonly earlier_tries?: readonly { readonly reply_id: string; readonly code: string; readonly provider: string }[];
  }[];
}

async function ask() {
  const client = createClient({ baseUrl: path.url, trust: path.trust, isSalted: false });
  const { response, replies } = await client.chat.completions.create({
    model: MODEL,
    messages: [{ role: 'user', content: 'A story' }],
    ...{ max_tokens: 24, ogong: { hedge: true, standby: Number(STANDBY) } },
  });
  const [receipt] = (response as unknown as { ogong: OgongJson }).ogong.receipts;
  const { usage } = response as unknown as { readonly usage: Record<'prompt_tokens' | 'completion_tokens', number> };
  return { reply: replies[0]!, receipt: receipt!, usage };
}

it('a request whose provider is slow is answered by another one, and one of both is paid in full', async () => {
  const { reply, receipt, usage } = await ask();
  released.resolve();
  const [untaken] = receipt.earlier_tries!;
  expect(untaken).toMatchObject({ code: 'untaken', provider: toHex(path.slow.id) });
  // The client has checked the receipt of the answer, by all that it trusts.
  expect(reply.checks.filter(({ status }) => status === 'fail')).toEqual([]);
  expect(reply.receipt.progress).toBeDefined();

  // Its record comes last, and a decision may move the path's clock beyond the order.
  const lost = await path.validator.decide(fromHex(untaken!.reply_id), true);
  const won = await path.validator.decide(fromHex(receipt.reply_id), true);
  expect([won.intake, lost.intake]).toEqual([undefined, undefined]);
  expect(won.verdict.feeAtomic).toBe(feeOf(PRICE, usage.prompt_tokens + usage.completion_tokens));
  expect(lost.verdict.feeAtomic).toBe(feeOf(STANDBY, usage.prompt_tokens));
});
