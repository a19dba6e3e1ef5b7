import type { TextEngine, TextTracingRequest } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { NARROW, WIDE } from '@ogong/protocol/modality/text/commitment/shape-classes';
import { toReceipt } from '@ogong/testing/cli/rerun-fixture';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { createNetwork, findReplyId, ledger, receive } from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import { formatRerun } from './replay-command.ts';
import { rerunReceipt } from './rerun.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(engine: FakeEngineOptions = {}, modelId = 'ogong/replay/test/fake') {
  const network = await createNetwork({ engine, modelId });
  closing.push(network.close);
  const message = network.order();
  const { finished } = await receive(network.client, message);
  const replyId = findReplyId();
  const { opening } = await network.client.service(ProviderService).getOpening({ replyId });
  return { receipt: toReceipt(message, finished, { opening, ledger }), request: message.request };
}

function rerun(
  given: Awaited<ReturnType<typeof serve>>,
  options: FakeEngineOptions = {},
  bend: Partial<TextEngine> = {},
) {
  const engine = createFakeEngine({ contextSize: 512, ...options });
  closing.push(engine.close);
  const { signal } = new AbortController();
  return rerunReceipt(given, { engine: { ...engine, ...bend }, crypto, signal });
}

describe('a reply on a machine of one’s own', () => {
  it('is the same for the same model', async () => {
    const found = await rerun(await serve());
    expect(found).toMatchObject({ outcome: 'accept', difference: undefined });
    const printed = formatRerun(found);
    expect(printed).toMatch(/^posture: tier replay, method exact-replay, exact class fake-1/);
    expect(printed).toMatch(/this machine computes the same, in class fake-1/);
  });

  it('is the same in the shape classes that it was committed in', async () => {
    const found = await rerun(await serve({ shaped: true }), { shaped: true });
    expect(found).toMatchObject({ outcome: 'accept', difference: undefined });
  });

  it.each([false, true])('is named at its first different token, with the layers there; shaped %s', async (shaped) => {
    const given = await serve({ brokenLayer: 2, shaped });
    const found = await rerun(given, { shaped });
    expect(found.outcome).toBe('reject');
    expect(found.difference?.position).toBe(0);
    expect(found.difference?.stages).toHaveLength(7);
    for (const hash of found.difference?.stages ?? []) expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(formatRerun(found)).toMatch(/first difference is at output token 0/);
    const engine = createFakeEngine({ contextSize: 512, shaped });
    closing.push(engine.close);
    const traced: TextTracingRequest[] = [];
    const trace: TextEngine['trace'] = (asked, options) => {
      traced.push(asked);
      return engine.trace(asked, options);
    };
    await rerun(given, { shaped }, { trace });
    expect(traced).toHaveLength(1);
    // As committed: a trace in passes of another shape has other layers.
    const { shapeClasses, outputTokens } = traced[0] as TextTracingRequest;
    expect(shapeClasses).toHaveLength(outputTokens.length);
    expect([...new Set(shapeClasses)].sort()).toEqual(shaped ? [NARROW, WIDE] : [0]);
    const blind = await rerun(given, { shaped, canTrace: false });
    expect(blind.difference).toEqual({ position: 0, stages: [] });
  });

  it('is undecided if the class does not run here, in tier replay', async () => {
    const found = await rerun(await serve(), { exact: false });
    expect(found).toMatchObject({ outcome: 'inconclusive', difference: undefined });
    expect(formatRerun(found)).toMatch(/this machine cannot tell/);
  });

  it('is compared by statistics there, in tier verified', async () => {
    const found = await rerun(await serve({}, 'ogong/verified/test/fake'), { exact: false });
    expect(found.outcome).toBe('accept');
    expect(found.checks.find(({ id }) => id === 'equality')?.status).toBe('skip');
  });

  it.each<[string, string, FakeEngineOptions, (given: Awaited<ReturnType<typeof serve>>) => object]>([
    ['another model', 'model-root', { weights: 2 }, () => ({})],
    ['another request', 'request-hash', {}, () => ({ request: utf8Encode('{}') })],
    [
      'another record',
      'commitment-root',
      {},
      ({ receipt }) => {
        const bytes = new TextDecoder().decode(receipt.record.bytes).split('\n');
        bytes[5] = '0'.repeat(64);
        return { receipt: { ...receipt, record: { ...receipt.record, bytes: utf8Encode(bytes.join('\n')) } } };
      },
    ],
  ])('is refused before anything runs: %s', async (_what, id, options, bend) => {
    const given = await serve();
    const score = () => Promise.reject(new Error('nothing may run'));
    const found = await rerun({ ...given, ...bend(given) }, options, { score });
    expect(found.outcome).toBe('reject');
    expect(found.checks.filter(({ status }) => status === 'fail').map((check) => check.id)).toContain(id);
  });

  it('needs the opening', async () => {
    const { receipt, request } = await serve();
    await expect(rerun({ receipt: { ...receipt, opening: { url: '/x' } }, request })).rejects.toThrow(/compact/);
  });
});
