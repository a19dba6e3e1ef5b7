import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { EXIT, getExitCode } from '@ogong/host/log/errors';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { parseAnnouncement } from '@ogong/protocol/exchange/announcement';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import {
  createNetwork,
  findReplyId,
  type Network,
  type NetworkOptions,
  receive,
  until,
} from '@ogong/testing/provider/provider-fixture';
import { attested, installTier } from '@ogong/testing/tier/attested-tier';
import { afterEach, describe, expect, it } from 'vitest';
import { assertServesTier, TierError } from './served-tier.ts';

const REPLAY_ID = 'ogong/replay/test/fake';
const closing: Network[] = [];
afterEach(async () => {
  for (const network of closing.splice(0)) await network.close();
});

async function start(options: NetworkOptions): Promise<Network> {
  const network = await createNetwork(options);
  closing.push(network);
  return network;
}

describe('tier replay', () => {
  it('is announced and served by an exact engine, and the header says so', async () => {
    const network = await start({ modelId: REPLAY_ID, provider: { announceIntervalMs: 20 } });
    await until(() => network.validator.announced.length > 0);
    expect(parseAnnouncement(network.validator.announced[0]!.announcement).models[0]?.modelId).toBe(REPLAY_ID);
    const { finished } = await receive(network.client, network.order());
    const { opening: bytes } = await network.client.service(ProviderService).getOpening({ replyId: findReplyId() });
    const opening = parseOpening(bytes);
    const { checks } = replayReply(crypto, parseRecordV2(finished.record!.record), opening);
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(parseHeader(opening.header)).toMatchObject({
      tier: 'replay',
      method: 'exact-replay',
      numericClass: network.engine.info().numericClass,
    });
  });

  it('is refused to an engine that is not exact, with the reason', async () => {
    const error = await createNetwork({ engine: { exact: false }, modelId: REPLAY_ID }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(TierError);
    expect((error as Error).message).toMatch(/tier replay is refused.*fake-1\/js\/f64\/fast.*tier verified/);
    expect(getExitCode(error)).toBe(EXIT.configuration);
  });

  it('is refused to an engine that did not prove exact at load, whatever its class is called', () => {
    const info = { exact: false, numericClass: 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16' };
    expect(() => assertServesTier(REPLAY_ID, info)).toThrow(/not seen to reproduce itself/);
    expect(() => assertServesTier(REPLAY_ID, { ...info, exact: true })).not.toThrow();
    expect(() => assertServesTier('ogong/verified/test/fake', info)).not.toThrow();
    const fast = { exact: true, numericClass: 'llama.cpp-0.5.0/cpu/haswell/fast/q8_0/kv-f16' };
    expect(() => assertServesTier(REPLAY_ID, fast)).toThrow(/needs a numeric class/);
  });

  it('is no longer served once the engine has lost its exactness', async () => {
    const engine = createFakeEngine({ contextSize: 512 });
    let exact = true;
    const realEngine = { ...engine, info: () => ({ ...engine.info(), exact }) };
    const network = await start({ realEngine, modelId: REPLAY_ID, provider: { announceIntervalMs: 20 } });
    await receive(network.client, network.order({ nonce: 1 }));
    exact = false;
    await expect(receive(network.client, network.order({ nonce: 2 }))).rejects.toThrow(/tier replay is refused/);
    const announced = network.validator.announced.length;
    await until(() => network.validator.announced.length > announced + 1);
    expect(parseAnnouncement(network.validator.announced.at(-1)!.announcement).models[0]!.freeCapacity).toBe(0);
  });

  it('is not vanilla where the engine shows what the tier leaves out', async () => {
    const modelId = 'ogong/vanilla/test/fake';
    const network = createNetwork({ modelId, engine: { exact: false } });
    await expect(network).rejects.toThrow(/serve the model in tier verified/);
  });

  it.each(['proof'])('nothing is served in tier %s, which is planned', async (tier) => {
    const modelId = `ogong/${tier}/test/fake`;
    await expect(createNetwork({ modelId })).rejects.toThrow(/is not served yet: it takes/);
  });
});

it('a third tier is announced and served once its line is in the list, by its own method', async () => {
  const uninstall = installTier(attested);
  try {
    const network = await start({ engine: { exact: false }, modelId: 'ogong/proof/test/fake' });
    const { finished } = await receive(network.client, network.order());
    expect(finished.record).toBeDefined();
    const { opening } = await network.client.service(ProviderService).getOpening({ replyId: findReplyId() });
    expect(parseHeader(parseOpening(opening).header)).toMatchObject({ tier: 'proof', method: 'attestation' });
  } finally {
    uninstall();
  }
});
