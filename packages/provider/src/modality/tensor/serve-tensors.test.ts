import type { TensorEngine } from '@ogong/engine/interface/tensor';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { replayOpening } from '@ogong/protocol/modality/registry';
import { parseTensorHeader } from '@ogong/protocol/modality/tensor/header';
import { parseTensorReport } from '@ogong/protocol/modality/tensor/report';
import { decodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import { parseTensorResponse } from '@ogong/protocol/modality/tensor/tensor-list';
import { createFakeTensorEngine } from '@ogong/testing/engine/fake-tensor';
import { checkAttestedRecord } from '@ogong/testing/provider/attested-record';
import { createNetwork, ledger, type Network, receive, until } from '@ogong/testing/provider/provider-fixture';
import { openRelayedCalls } from '@ogong/testing/provider/relayed-calls';
import { softwareMachine, softwarePolicy, strictPolicy, TEE_MODEL_ID } from '@ogong/testing/provider/software-machine';
import { afterEach, describe, expect, it } from 'vitest';
import { toSold } from '../../provider/open-served-models.ts';
import { assertServesTier, TierError } from '../../provider/orders/served-tier.ts';
import { openTensorJob } from './score-tensors.ts';

let open: Network | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function start(realEngine: TensorEngine = createFakeTensorEngine()): Promise<Network> {
  open = await createNetwork({ realEngine });
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

const INPUTS = {
  x: [
    [1, 2, 0.5],
    [-4, 1, 1],
  ],
};

/** Serves the inputs and replays the opening. */
async function serve(body: Readonly<Record<string, unknown>>) {
  const { client, order, validator } = await start();
  const asked = order({ body });
  const { finished } = await receive(client, asked);
  const record = parseRecordV2(finished.record!.record);
  await until(() => validator.pushed.length === 1);
  const { opening } = await client.service(ProviderService).getOpening({ replyId: record.replyId });
  return { finished, record, request: asked.request, reply: replayOpening(crypto, record, parseOpening(opening)) };
}

describe('an order for tensors', () => {
  it('is answered by the outputs, with a record and an opening that replays', async () => {
    const { finished, record, reply } = await serve({ inputs: INPUTS, outputs: ['label', 'sum'] });
    expect(parseTensorResponse(finished.response).map((one) => [one.name, decodeTensorData(one)])).toEqual([
      ['label', ['more', 'less']],
      ['sum', [3.5, -2]],
    ]);
    expect([record.tokenCount, finished.promptTokens]).toEqual([2, 6]);
    expect(reply.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
  });

  it.each([
    ['an input that the model lacks', { inputs: { ...INPUTS, z: 1 } }, /no input z; it reads x/],
    ['another shape', { inputs: { x: [1] } }, /the shape \[\?, \?\], not \[1\]/],
    ['an output that the model lacks', { inputs: INPUTS, outputs: ['z'] }, /no output z; it makes sum, label/],
    ['values that the model refuses', { inputs: { x: [[]] } }, /the rows have no values/],
    ['no inputs', { inputs: {} }, /inputs is an object/],
  ])('is refused for %s', async (_what, body, message) => {
    const network = await start();
    const error = await refusalOf(receive(network.client, network.order({ body })));
    expect([error.refusal, error.message]).toEqual(['invalid', expect.stringMatching(message)]);
    expect(network.validator.pushed).toHaveLength(0);
  });

  it('is refused to the endpoint of another modality', async () => {
    const network = await start();
    const error = await refusalOf(receive(network.client, { ...network.order(), endpoint: 'chat' }));
    expect([error.refusal, error.message]).toEqual(['invalid', expect.stringMatching(/tensors alone; chat was/)]);
  });
});

it('a machine of tier tee attests the record of tensors, and nobody on the way sees a value', async () => {
  const attester = { kind: 'software' as const, attest: softwareMachine.attest };
  open = await createNetwork({ realEngine: createFakeTensorEngine(), modelId: TEE_MODEL_ID, attester });
  const calls = await openRelayedCalls(open, { machinePolicy: softwarePolicy });
  try {
    const { finished } = await calls.call({ body: { inputs: { x: [[1.03125, 2, 0.5]] } } });
    expect(parseTensorResponse(finished.response).map(decodeTensorData)).toEqual([[3.53125], ['more']]);
    expect(calls.isSeen('1.03125')).toBe(false);
    const order = calls.orders[0]?.order?.order as Uint8Array;
    const { record, evidence } = finished;
    const held = { ledger, order, record: record!, attestation: evidence.attestation!, modelId: TEE_MODEL_ID };
    const check = async (policy: typeof softwarePolicy) =>
      (await checkAttestedRecord(held, { crypto, policy, nowMs: Date.now() })).filter(
        ({ status }) => status !== 'pass',
      );
    expect(await check(softwarePolicy)).toEqual([]);
    expect((await check(strictPolicy)).length).toBeGreaterThan(0);
  } finally {
    await calls.close();
  }
});

describe('a model of tensors whose owner shows no weights', () => {
  it('is served in tier vanilla under the root of its name, and in no class that is compared', async () => {
    const modelId = 'ogong/vanilla/test/secret';
    const realEngine = toSold(modelId, createFakeTensorEngine());
    open = await createNetwork({ realEngine, modelId });
    const { finished } = await receive(open.client, open.order({ body: { inputs: INPUTS } }));
    expect(parseRecordV2(finished.record!.record).modelRoot).toEqual(findNamedRoot(crypto, modelId));
    const header = parseTensorHeader(finished.header);
    expect(header).toMatchObject({
      tier: 'vanilla',
      method: 'signature',
      numericClass: 'fake-1/js/f64/signed/hash/kv-none',
    });
  });

  it.each(['ogong/verified/test/secret', 'ogong/tee-proxy/test/secret'])('is not hidden as %s', (modelId) => {
    const engine = createFakeTensorEngine();
    expect(toSold(modelId, engine)).toBe(engine);
    expect(() => assertServesTier(modelId.replace('verified', 'vanilla'), engine.info())).toThrow(TierError);
  });
});

describe('a verifier of tensors', () => {
  it('reports its own outputs, or none for inputs that its model cannot read, and refuses other jobs', async () => {
    const { request, reply } = await serve({ inputs: INPUTS });
    const engine = createFakeTensorEngine();
    const job = {
      ...{ jobId: new Uint8Array(16).fill(1), request, timeoutMs: 0 },
      ...reply.describeJob('infer', new Uint8Array(32)),
    };
    const score = async (changed: object) => {
      const bytes = await openTensorJob({ ...job, ...changed }, { engine, crypto }).score(new AbortController().signal);
      const read = reply.readReport(bytes, { ...job, contextSize: 0, draw: new Uint8Array(32) });
      if ('problem' in read) throw new Error(read.problem);
      const { outcome, checks } = read.weigh({});
      const failed = checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
      return [outcome, failed, parseTensorReport(bytes).outputs.length > 0];
    };
    const asked = (inputs: object) => ({
      request: Buffer.from(JSON.stringify({ model: 'ogong/verified/a/b', inputs })),
    });
    expect(await score({})).toEqual(['accept', [], true]);
    expect(await score(asked({ z: 1 }))).toEqual(['reject', ['prompt-tokens', 'vocabulary'], false]);
    expect(await score(asked({ x: [[]] }))).toEqual(['reject', ['prompt-tokens'], false]);
    for (const [changed, message] of [
      [{ endpoint: 'chat' }, 'tensors alone'],
      [{ modality: 'text' }, 'another modality'],
      [{ jobId: new Uint8Array(15) }, '16 bytes'],
      [asked({}), 'inputs is an object'],
      [{ header: new Uint8Array(3) }, 'tag'],
    ] as const)
      expect(() => openTensorJob({ ...job, ...changed }, { engine, crypto })).toThrow(message);
    await engine.close();
  });
});
