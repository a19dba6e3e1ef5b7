import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { isTaken, parseProgress } from '@ogong/protocol/exchange/progress';
import {
  type GenerateRequest,
  ProviderService,
  type PushRecordRequest,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { type Claim, type HandedReply, verifyHanded } from '@ogong/protocol/verdict/claim';
import {
  createNetwork,
  ledger,
  type Network,
  type NetworkOptions,
  network,
  openProgress,
  PRICE,
  receive,
  until,
} from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';

/** Of 1,000 prompt tokens. */
const STANDBY = 50_000n;

let open: Network | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function start(options: NetworkOptions = { standby: STANDBY }): Promise<Network> {
  open = await createNetwork(options);
  return open;
}

const hedged = (fields: object = {}) => ({ body: { max_tokens: 40, ogong: { standby: Number(STANDBY) }, ...fields } });

/** Computes a validator's view of a delivered reply: the fee by the one rule that everybody has. */
function judge({ order, record, progress, ...pushed }: PushRecordRequest): Claim {
  const named = nameOrder(crypto, ledger, parseOrder(order!.order));
  const { header, headerProof, payeeWord, request, endpoint, response, requestSummary, responseSummary } = pushed;
  const texts = requestSummary.length > 0 ? { requestSummary, responseSummary } : { request, endpoint, response };
  const claimed = { order: order!, record: record!, header, headerProof, payeeWord, progress };
  const value = computeGenesisBeacon(crypto, network);
  const beacon = { epoch: 0n, value, previous: value };
  const context = { order: named, ledger, beacon, checkWord: () => true };
  return verifyHanded(crypto, context as never, { ...claimed, ...texts } as HandedReply);
}

const feeOf = (price: bigint, tokens: number): bigint => (price * BigInt(tokens) + 999n) / 1_000n;

/** Reads a reply to its end. */
async function read(running: Network, message: GenerateRequest, onText: (text: string) => unknown = () => {}) {
  let text = '';
  let parts = 0;
  for await (const { event } of running.client.service(ProviderService).generate(message)) {
    if (event.case !== 'delta') continue;
    parts++;
    text += event.value.text;
    await onText(event.value.text);
  }
  return { text, parts };
}

describe('an order that may stay untaken', () => {
  it('shows one part of its reply, and bills its prompt at the standby price once it is left', async () => {
    const provider = await start();
    const message = provider.order(hedged());
    const progress = openProgress(provider.client, message, true);
    // Another provider was faster: nothing of this one's text is signed for.
    const { parts } = await read(provider, message, () => progress.leave());
    expect(parts).toBe(1);
    await until(() => provider.validator.pushed.length === 1);
    const [pushed] = provider.validator.pushed as [PushRecordRequest];
    const { promptTokenCount, outputTokenCount } = parseHeader(pushed.header);
    expect(outputTokenCount).toBeGreaterThan(0);
    const word = parseProgress(pushed.progress!.progress);
    expect(word).toMatchObject({ hasLeft: true, textBytes: 0 });
    expect(judge(pushed).feeAtomic).toBe(feeOf(STANDBY, promptTokenCount));
    // A provider that drops the progress is paid nothing for a reply that it cut short itself.
    expect(judge({ ...pushed, progress: undefined }).feeAtomic).toBe(0n);
  });

  it('is stopped before it has a token, and bills the same', async () => {
    const provider = await start({ standby: STANDBY, engine: { stepMs: 5 } });
    const message = provider.order(hedged());
    const progress = openProgress(provider.client, message, true);
    const reading = read(provider, message);
    await until(() => provider.validator.admitted.length === 1);
    await progress.leave();
    await reading;
    await until(() => provider.validator.pushed.length === 1);
    const [pushed] = provider.validator.pushed as [PushRecordRequest];
    expect(judge(pushed).feeAtomic).toBe(feeOf(STANDBY, parseHeader(pushed.header).promptTokenCount));
  });

  it('bills as any other once its payer has signed for some of its text, and delivers that progress', async () => {
    const provider = await start();
    const message = provider.order(hedged());
    const progress = openProgress(provider.client, message, true);
    const { text } = await read(provider, message, (part) => progress.add(part as string));
    await until(() => provider.validator.pushed.length === 1);
    const [pushed] = provider.validator.pushed as [PushRecordRequest];
    const { promptTokenCount, outputTokenCount, stopReason } = parseHeader(pushed.header);
    expect([stopReason, outputTokenCount]).toEqual(['length', 40]);
    expect(text.length).toBeGreaterThan(0);
    // It leaves without its texts, as whole replies do.
    expect(pushed.request).toHaveLength(0);
    const word = parseProgress(pushed.progress!.progress);
    expect([word.hasLeft, isTaken(word)]).toEqual([false, true]);
    expect(judge(pushed).feeAtomic).toBe(feeOf(PRICE, promptTokenCount + outputTokenCount));
    // A provider that bills the reply in full shows that the payer took it.
    expect(judge({ ...pushed, progress: undefined }).feeAtomic).toBe(feeOf(STANDBY, promptTokenCount));
  });

  it('has the progress of its own payer delivered, about this order, or is refused', async () => {
    const provider = await start();
    const [first, second] = [provider.order(hedged()), provider.order({ ...hedged(), nonce: 2 })];
    for (const message of [first, second]) {
      const progress = openProgress(provider.client, message, true);
      await read(provider, message, (part) => progress.add(part as string));
    }
    await until(() => provider.validator.pushed.length === 2);
    const [one, two] = provider.validator.pushed as [PushRecordRequest, PushRecordRequest];
    expect(() => judge({ ...one, progress: two.progress })).toThrow(/not the payer's/);
  });

  it.each([
    { name: 'vanishes without a word', says: false },
    { name: 'says that it leaves once it is gone', says: true },
  ])('stops where its caller $name', async ({ says }) => {
    // An engine that would go on for long.
    const takeWithinMs = says ? 60_000 : 50;
    const provider = await start({ standby: STANDBY, engine: { stepMs: 5 }, provider: { takeWithinMs } });
    const message = provider.order(hedged({ max_tokens: 400 }));
    const progress = openProgress(provider.client, message, true);
    for await (const { event } of provider.client.service(ProviderService).generate(message)) {
      if (event.case === 'delta') break;
    }
    if (says) await progress.leave();
    await until(() => provider.validator.pushed.length === 1);
    const [pushed] = provider.validator.pushed as [PushRecordRequest];
    const { promptTokenCount, stopReason } = parseHeader(pushed.header);
    expect(stopReason).toBe('cancelled');
    expect(judge(pushed).feeAtomic).toBe(says ? feeOf(STANDBY, promptTokenCount) : 0n);
  });

  it('stops, frees its slot and sends no more if its payer signs nothing', async () => {
    const provider = await start({ standby: STANDBY, engine: { stepMs: 5 }, provider: { takeWithinMs: 50 } });
    const message = provider.order(hedged({ max_tokens: 400 }));
    let text = '';
    const reading = read(provider, message, (part) => {
      text += part;
    });
    await expect(reading).rejects.toThrow(/nobody took the first part/);
    await until(() => provider.validator.pushed.length === 1);
    const [pushed] = provider.validator.pushed as [PushRecordRequest];
    const { stopReason, outputTokenCount } = parseHeader(pushed.header);
    expect(stopReason).toBe('cancelled');
    expect(outputTokenCount).toBeGreaterThan(1);
    expect(text.length).toBeLessThan(pushed.response.length);
    expect(judge(pushed).feeAtomic).toBe(0n);
    const { finished } = await receive(provider.client, provider.order({ nonce: 2 }));
    expect(finished.stopReason).toBe('length');
  });
});

describe('a provider', () => {
  it('serves no such order unless it stands by, and for no less than its price', async () => {
    const provider = await start({});
    await expect(receive(provider.client, provider.order(hedged()))).rejects.toThrow(/does not stand by/);
    await provider.close();
    const standing = await start({ standby: STANDBY + 1n });
    await expect(receive(standing.client, standing.order(hedged()))).rejects.toThrow(/the price is 50001/);
    expect(standing.validator.admitted).toEqual([]);
  });

  it('serves none to a payer that leaves most untaken, and serves it otherwise', async () => {
    const provider = await start();
    let asked = 0;
    async function leave(): Promise<void> {
      const message = provider.order({ ...hedged({ max_tokens: 2 }), nonce: ++asked });
      const progress = openProgress(provider.client, message, true);
      await read(provider, message, () => progress.leave());
    }
    for (let i = 0; i < 16; i++) await leave();
    await until(() => provider.validator.pushed.length === 16);
    await expect(leave()).rejects.toThrow(/leaves most answers untaken/);
    const { finished } = await receive(provider.client, provider.order({ nonce: ++asked }));
    expect(finished.stopReason).toBe('length');
  });
});
