import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUpstreamEngine } from '@ogong/engine/upstream/engine';
import { UPSTREAM_FORMAT, type UpstreamKind } from '@ogong/engine/upstream/findings';
import { createPluginEngine } from '@ogong/engine/upstream/plugin-engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { parseOpening, type WindowBytes } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { parseAnnouncement } from '@ogong/protocol/exchange/announcement';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseAnswer } from '@ogong/protocol/modality/text/answer/answer-parser';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { checkHeader } from '@ogong/protocol/modality/text/stage1/header-checks';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import {
  createNetwork,
  findReplyId,
  ledger,
  type Network,
  receive,
  until,
} from '@ogong/testing/provider/provider-fixture';
import { startPluginServer } from '@ogong/testing/upstream/plugin-server';
import {
  CALL_ARGUMENTS,
  type RecordedOptions,
  type RecordedServer,
  startRecordedServer,
} from '@ogong/testing/upstream/recorded-server';
import { afterEach, describe, expect, it } from 'vitest';

const MODEL_ID = 'ogong/vanilla/test/toy';
const MODEL_ROOT = findNamedRoot(crypto, MODEL_ID) as Uint8Array;
const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close();
});

async function start(
  options: RecordedOptions,
): Promise<{ readonly network: Network; readonly server: RecordedServer }> {
  const server = await startRecordedServer(options);
  const engine = await createUpstreamEngine({ address: server.address, modelRoot: MODEL_ROOT, contextSize: 256 });
  const network = await createNetwork({ realEngine: engine, modelId: MODEL_ID, provider: { announceIntervalMs: 20 } });
  closing.push(network, server);
  return { network, server };
}

/** Receives a reply, and checks all that a reader of its tier checks. */
async function receiveChecked(network: Network, message: ReturnType<Network['order']>) {
  const { finished, text } = await receive(network.client, message);
  const { opening: bytes } = await network.client.service(ProviderService).getOpening({ replyId: findReplyId() });
  const [record, opening] = [parseRecordV2(finished.record!.record), parseOpening(bytes)];
  const response = utf8Encode(text);
  expect(record.responseHash).toEqual(hashResponse(crypto, opening.blind, response));
  const header = parseHeader(opening.header);
  const order = nameOrder(crypto, ledger, parseOrder(message.order!.order));
  const given = { order, request: parseRequest(message.request, 'chat'), response, beacon: undefined };
  const checks = [
    ...replayReply(crypto, record, opening).checks,
    ...checkHeader(crypto, header, { ...given, mayBeCancelled: false }),
  ];
  expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
  expect(checks.filter(({ status }) => status === 'skip').map(({ id }) => id)).toEqual([
    ...['listing', 'draw-replay', 'shape-classes', 'sketch-bank'],
  ]);
  return { text, record, header };
}

describe.each<UpstreamKind>(['llama-server', 'vllm', 'sglang', 'ollama', 'openai'])(
  'a provider in front of %s',
  (kind) => {
    it('announces its class, serves in tier vanilla, and signs what can be checked', async () => {
      const { network, server } = await start({ kind });
      await until(() => network.validator.announced.length > 0);
      const [offer] = parseAnnouncement(network.validator.announced[0]!.announcement).models;
      expect(offer).toMatchObject({ modelId: MODEL_ID, modelRoot: MODEL_ROOT });
      expect(offer?.numericClass).toMatch(new RegExp(`^upstream/${kind}/unknown/signed/`));
      const message = network.order({ body: { temperature: 0.5, top_p: 0.9, seed: 5 } });
      const { record, header } = await receiveChecked(network, message);
      expect(record).toMatchObject({ modelRoot: MODEL_ROOT, tokenCount: 40 });
      expect(header).toMatchObject({ tier: 'vanilla', method: 'signature', promptTokenCount: 9, outputTokenCount: 40 });
      // The request had the fields that the header signs.
      expect(server.asked.at(-1)?.body).toMatchObject({
        temperature: 0.5,
        top_p: expect.closeTo(0.9, 5),
        stream: true,
      });
      await until(() => network.validator.pushed.length === 1);
    });

    it('signs calls of tools as a text that clients read as calls', async () => {
      const { network } = await start({ kind });
      const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
      const { text, header } = await receiveChecked(network, network.order({ body: { tools } as never }));
      expect(header).toMatchObject({ tier: 'vanilla', stopReason: 'stop-token' });
      const calls = [{ name: 'f', arguments: CALL_ARGUMENTS }];
      const read = parseAnswer(text, UPSTREAM_FORMAT, { tools: ['f'], isForced: false });
      expect(read).toMatchObject({ content: 'I look.', calls });
    });
  },
);

it('signs milestones of what a server has written, which bill no prompt', async () => {
  const { network } = await start({ kind: 'openai' });
  const message = Object.assign(network.order({ body: { max_tokens: 130 } }), { milestones: true });
  const order = nameOrder(crypto, ledger, parseOrder(message.order!.order));
  const { answer: blind } = computeBlinds(crypto, { body: message.request, replyId: order.replyId });
  const counts: number[] = [];
  const windows: WindowBytes[] = [];
  let text = '';
  for await (const { event } of network.client.service(ProviderService).generate(message)) {
    if (event.case === 'delta') text += event.value.text;
    if (event.case !== 'milestone') continue;
    const { record, header: bytes, textBytes, evidence } = event.value;
    windows.push(...event.value.windows.map(({ draws, sketch }) => ({ draws, sketch })));
    const header = parseHeader(bytes);
    counts.push(header.outputTokenCount);
    expect(header).toMatchObject({ tier: 'vanilla', promptTokenCount: 0, stopReason: 'cancelled' });
    expect(evidence).toEqual({});
    const parsed = parseRecordV2(record!.record);
    const response = utf8Encode(text);
    expect(response).toHaveLength(textBytes);
    expect(parsed).toMatchObject({ isMilestone: true, responseHash: hashResponse(crypto, blind, response) });
    const given = { order, request: parseRequest(message.request, 'chat'), response, beacon: undefined };
    const checks = [
      ...replayReply(crypto, parsed, { blind, header: bytes, windows }).checks,
      ...checkHeader(crypto, header, { ...given, mayBeCancelled: true }),
    ];
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
  }
  expect(counts).toEqual([64, 96, 128]);
});

it('names the tokens of a vLLM in its windows', async () => {
  const { network } = await start({ kind: 'vllm' });
  const { finished } = await receive(network.client, network.order());
  const { opening } = await network.client.service(ProviderService).getOpening({ replyId: findReplyId() });
  const { outputTokens } = replayReply(crypto, parseRecordV2(finished.record!.record), parseOpening(opening));
  expect(outputTokens).toHaveLength(40);
});

it.each<[what: string, body: object, words: RegExp]>([
  ['logprobs', { logprobs: true }, /logprobs: replies of tier vanilla sign none|sign no log-probabilities/],
  [
    'a call at any price',
    { tools: [{ type: 'function', function: { name: 'f', parameters: {} } }], tool_choice: 'required' },
    /does not take a form/,
  ],
  ['a form', { response_format: { type: 'json_object' } }, /does not take a form/],
  ['top_k', { top_k: 3 }, /does not take top_k/],
  ['another tier', { model: 'ogong/verified/test/toy' }, /serves ogong\/vanilla\/test\/toy, not/],
])('refuses %s, which the server behind it does not take', async (_what, body, words) => {
  const { network, server } = await start({ kind: 'openai' });
  const asked = server.asked.length;
  await expect(receive(network.client, network.order({ body: body as never }))).rejects.toThrow(words);
  expect(server.asked.length).toBe(asked);
});

it('signs nothing if the server breaks off, and the consumer learns that it may try again', async () => {
  let isBroken = false;
  const answer: RecordedOptions['answer'] = (_body, response) => {
    if (isBroken) response.writeHead(200).end('data: {"choices":[{"text":"x","delta":{"content":"x"}}]}\n\n');
    return isBroken;
  };
  const { network } = await start({ kind: 'vllm', answer });
  isBroken = true;
  await expect(receive(network.client, network.order())).rejects.toThrow(/broke off its answer/);
  isBroken = false;
  await receive(network.client, network.order({ nonce: 2 }));
  await until(() => network.validator.pushed.length === 1);
});

it('is refused in tier verified, with what is missing', async () => {
  const server = await startRecordedServer({ kind: 'vllm' });
  closing.push(server);
  const engine = await createUpstreamEngine({ address: server.address, modelRoot: MODEL_ROOT });
  const network = createNetwork({ realEngine: engine, modelId: 'ogong/verified/test/toy' });
  await expect(network).rejects.toThrow(/takes the candidates of every token and sketches.*serve it in tier vanilla/);
});

it('is a verified provider in front of a vLLM with the plugin: every draw replays, and a verifier can score it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-plugin-'));
  const computing = createFakeEngine({ contextSize: 512, exact: false });
  const server = await startPluginServer({ directory, engine: computing, model: 'toy', contextSize: 512 });
  const vocabulary = createFakeEngine({ contextSize: 512 });
  const engine = await createPluginEngine({ address: server.address, directory, vocabulary });
  const network = await createNetwork({ realEngine: engine });
  closing.push(network, server, computing, { close: async () => rmSync(directory, { recursive: true }) });
  const message = network.order({ body: { logprobs: true, top_logprobs: 3, stop: ['zq'] } });
  const { finished } = await receive(network.client, message);
  const { opening: bytes } = await network.client.service(ProviderService).getOpening({ replyId: findReplyId() });
  const record = parseRecordV2(finished.record!.record);
  const opening = parseOpening(bytes);
  const { checks, header, rows, outputTokens, shapeClasses, tailDraws } = replayReply(crypto, record, opening);
  expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
  expect(header).toMatchObject({
    tier: 'verified',
    method: 'draw-replay',
    numericClass: expect.stringMatching(/^vllm-plugin/),
  });
  // An engine of the same model finds the same values: nothing was lost on the way.
  const { sampler, bias, sketchBankSeed: bankSeed, sketchDirections: directions, numericClass } = header!;
  const asked = parseRequest(message.request, 'chat');
  const promptTokens = await computing.tokenizePrompt({ kind: 'chat', messages: asked.messages });
  const listSizes = Uint8Array.from(rows, ({ ids }) => ids.length);
  const scored = await computing.score({
    ...{ promptTokens, outputTokens, sampler, bias, listSizes, shapeClasses, tailDraws, numericClass },
    sketch: { bankSeed, directions },
  });
  expect(scored.windows).toEqual(opening.windows);
});
