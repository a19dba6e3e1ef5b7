import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import { encodeEmbeddingResponse } from '@ogong/protocol/modality/embedding/replay';
import { replayOpening } from '@ogong/protocol/modality/registry';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import {
  type Bend,
  createNetwork,
  MODEL_ID,
  type Network,
  type NetworkOptions,
  receive,
  until,
} from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';

let open: Network | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function start(realEngine: EmbeddingEngine, options?: NetworkOptions): Promise<Network> {
  open = await createNetwork({ ...options, realEngine });
  return open;
}

/** An engine that computes until it is stopped. */
function createEndlessEngine(): { readonly engine: EmbeddingEngine; readonly started: () => boolean } {
  let began = false;
  const embed: EmbeddingEngine['embed'] = (_request, { signal } = {}) =>
    new Promise((_, reject) => {
      began = true;
      signal?.addEventListener('abort', () => reject(new EngineError('cancelled', 'the embedding was cancelled')));
    });
  return { engine: { ...createFakeEmbeddingEngine(), embed }, started: () => began };
}

async function refusalOf(call: Promise<unknown>): Promise<LinkError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LinkError);
  return error as LinkError;
}

/** Nothing but the end of each admitted order is signed. */
async function expectNothingKept({ provider, validator, store }: Network): Promise<void> {
  await until(() => provider.activeReplies() === 0 && validator.ended.length === validator.admitted.length);
  expect(validator.pushed).toHaveLength(0);
  expect(store().prepare('SELECT count(*) AS n FROM opening').get()?.n).toBe(0);
}

describe('an order for embeddings', () => {
  it('is answered by the vectors, with a record and an opening that replays', async () => {
    const engine = createFakeEmbeddingEngine();
    const { client, order, validator } = await start(engine);
    const input = ['one', 'two small steps'];
    const { finished } = await receive(client, order({ body: { input } }));
    const { inputs } = await engine.embed({ inputs: input });
    expect(equalBytes(finished.response, encodeEmbeddingResponse(inputs.map(({ vector }) => vector)))).toBe(true);
    const record = parseRecordV2(finished.record!.record);
    expect(record.tokenCount).toBe(2);
    expect(parseEmbeddingHeader(finished.header)).toMatchObject({ vectorCount: 2, longestInput: 16 });
    await until(() => validator.pushed.length === 1);
    const { opening } = await client.service(ProviderService).getOpening({ replyId: record.replyId });
    const { checks } = replayOpening(crypto, record, parseOpening(opening));
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
  });

  it.each([
    ['an input beyond the context', { input: ['a', 'b'.repeat(256)] }, 'invalid', /input 1 has 257 tokens.*holds 256/],
    ['a text', { messages: [] }, 'invalid', /messages/],
    ['no input', { input: [] }, 'invalid', /input must be/],
  ])('is refused for %s', async (_what, body, code, message) => {
    const network = await start(createFakeEmbeddingEngine());
    const error = await refusalOf(receive(network.client, network.order({ body })));
    expect([error.refusal, error.message]).toEqual([code, expect.stringMatching(message)]);
    expect(network.validator.admitted).toHaveLength(0);
    await expectNothingKept(network);
  });

  it('is refused where the vectors are more than may be served', async () => {
    const network = await start(createFakeEmbeddingEngine({ embeddingSize: 2048 }));
    const most = (1024 * 1024) / (4 * 2048);
    const error = await refusalOf(
      receive(network.client, network.order({ body: { input: Array(most + 1).fill('a') } })),
    );
    expect(error.message).toContain(`this model takes ${most} at a time`);
  });

  it('is refused to the endpoint of another modality', async () => {
    const network = await start(createFakeEmbeddingEngine());
    const error = await refusalOf(receive(network.client, { ...network.order(), endpoint: 'chat' }));
    expect([error.refusal, error.message]).toEqual(['invalid', expect.stringMatching(/writes no text; chat was/)]);
  });

  it('is refused where its maximum does not cover the prompt', async () => {
    const network = await start(createFakeEmbeddingEngine());
    const cheap = network.order({ order: (order) => ({ ...order, maxFeeAtomic: 1n }) });
    expect((await refusalOf(receive(network.client, cheap))).refusal).toBe('invalid');
    await expectNothingKept(network);
  });
});

describe('a provider gives an embedding up', () => {
  it('that takes too long: another provider may be tried, and nothing is signed', async () => {
    const { engine } = createEndlessEngine();
    const network = await start(engine, { provider: { maxReplyMs: 1_000 } });
    const error = await refusalOf(receive(network.client, network.order()));
    expect([error.refusal, error.retryable]).toEqual(['unavailable', true]);
    expect(error.message).toContain('the provider gave this reply up; try another one');
    expect(network.validator.admitted).toHaveLength(1);
    await expectNothingKept(network);
  });

  it('when it stops', async () => {
    const { engine, started } = createEndlessEngine();
    const network = await start(engine);
    const running = refusalOf(receive(network.client, network.order()));
    await until(started);
    await network.provider.stop(100);
    expect((await running).retryable).toBe(true);
    await expectNothingKept(network);
  });
});

describe('a consumer that is gone before its vectors', () => {
  async function leaveEarly(network: Network, started: () => boolean, message = network.order()): Promise<void> {
    const leave = new AbortController();
    const call = (async () => {
      for await (const _ of network.client.service(ProviderService).generate(message, { signal: leave.signal }));
    })();
    await until(started);
    leave.abort();
    expect((await refusalOf(call)).code).toBe('canceled');
  }

  it('has ordered them, and is billed for them', async () => {
    const fake = createFakeEmbeddingEngine();
    let began = false;
    let release = (): void => {};
    const embed: EmbeddingEngine['embed'] = async (...call) => {
      began = true;
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return fake.embed(...call);
    };
    const network = await start({ ...fake, embed });
    await leaveEarly(network, () => began);
    release();
    await until(() => network.validator.pushed.length === 1);
  });

  it('frees the slot when the order is over, and pays nothing', async () => {
    const { engine, started } = createEndlessEngine();
    const network = await start(engine);
    const order: Bend['order'] = (o) => ({ ...o, expiresAtMs: BigInt(Date.now() + 2_500) });
    await leaveEarly(network, started, network.order({ order }));
    await expectNothingKept(network);
  });
});

it('one provider answers texts and embeddings, each by its own engine', async () => {
  const embedder = createFakeEmbeddingEngine();
  const modelId = 'ogong/verified/test/vectors';
  open = await createNetwork({ others: [{ modelId, pricePer1kAtomic: 7n, engine: embedder }] });
  const { client, order } = open;
  const ofVectors = { modelId, engine: embedder, order: (o) => ({ ...o, pricePer1kAtomic: 7n }) } satisfies Bend;
  const vectors = await receive(client, order({ ...ofVectors, nonce: 1 }));
  const text = await receive(client, order({ body: { max_tokens: 5 }, nonce: 2 }));
  expect(vectors.finished.response).toHaveLength(4 * 32);
  expect(text.text).not.toBe('');
  // Neither takes the other's request.
  for (const bend of [{ ...ofVectors, modelId: MODEL_ID }, { modelId }]) {
    await expect(receive(client, order({ ...bend, nonce: 3 }))).rejects.toThrow(/disagree/);
  }
});
