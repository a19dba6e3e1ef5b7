import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { parseAnnouncement } from '@ogong/protocol/exchange/announcement';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { type Finished, type GenerateRequest, ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  encodeTrajectoryHeader,
  parseTrajectoryHeader,
  type TrajectoryHeader,
} from '@ogong/protocol/modality/trajectory/header';
import { replayTrajectory } from '@ogong/protocol/modality/trajectory/replay';
import { parsePictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import {
  createNetwork,
  findReplyId,
  ledger,
  type Network,
  receive,
  until,
} from '@ogong/testing/provider/provider-fixture';
import {
  paintPicture,
  type RecordedImageOptions,
  type RecordedImageServer,
  send,
  startRecordedImageServer,
} from '@ogong/testing/upstream/recorded-image-server';
import { afterEach, describe, expect, it } from 'vitest';
import { type ImageUpstreamSettings, loadImageUpstream } from '../../engine/image-upstream.ts';
import { serveConfig } from '../provider-config.ts';
import { openOffers } from './offers.ts';

const MODEL_ID = 'ogong/vanilla/test/painter';
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Settings as the command line has them. */
function settle(...argv: readonly string[]): ImageUpstreamSettings {
  const parsed = serveConfig.parse(['--deployment', 'd', ...argv], {});
  if (parsed.kind !== 'run') throw new Error(parsed.text);
  return parsed.values;
}

const load = (modelId: string, settings: ImageUpstreamSettings) =>
  loadImageUpstream('x', { model: 'painter', modelId }, settings, { log: { info: () => {} } });

async function start(
  options: RecordedImageOptions = {},
  ...argv: readonly string[]
): Promise<{ readonly network: Network; readonly server: RecordedImageServer }> {
  const server = await startRecordedImageServer(options);
  closing.push(() => server.close());
  const engine = await load(MODEL_ID, settle('--image-upstream', server.address, ...argv));
  const network = await createNetwork({ realEngine: engine, modelId: MODEL_ID, provider: { announceIntervalMs: 20 } });
  closing.push(() => network.close());
  return { network, server };
}

const orderImage = ({ order }: Network, body: object = {}): GenerateRequest =>
  order({ endpoint: 'image', body: { prompt: 'a red ship', ...body } });

/** Runs every check of stage 1 on a reply, with another header if one is given. */
async function check(
  { client }: Network,
  message: GenerateRequest,
  { finished }: { readonly finished: Finished },
  bend: (header: TrajectoryHeader) => TrajectoryHeader = (header) => header,
) {
  const { opening: bytes } = await client.service(ProviderService).getOpening({ replyId: findReplyId() });
  const record: RecordV2 = parseRecordV2(finished.record!.record);
  const opening = parseOpening(bytes);
  const header = bend(parseTrajectoryHeader(opening.header));
  const order = nameOrder(crypto, ledger, parseOrder(message.order!.order));
  const given = { order, request: parsePictureRequest(message.request), response: finished.response };
  const bent = { ...opening, header: encodeTrajectoryHeader(header) };
  return {
    ...{ record, header, opening },
    checks: [
      ...replayTrajectory(crypto, record, bent, {}).checks,
      ...trajectory.checkHeader(crypto, header, { ...given, beacon: undefined, mayBeCancelled: false }),
    ],
  };
}
const idsOf = (checks: readonly { id: string; status: string }[], status: string): readonly string[] =>
  checks.filter((one) => one.status === status).map(({ id }) => id);

describe('a provider in front of a server of pictures', () => {
  it('announces its class, serves in tier vanilla, and signs the picture without steps', async () => {
    const { network, server } = await start({}, '--image-server', 'vllm-omni');
    await until(() => network.validator.announced.length > 0);
    const [offer] = parseAnnouncement(network.validator.announced[0]!.announcement).models;
    expect(offer).toMatchObject({ modelId: MODEL_ID, modality: 'trajectory', capacity: 1 });
    expect(offer).toMatchObject({ numericClass: 'upstream/vllm-omni/unknown/signed/unknown/unknown' });
    const message = orderImage(network, { size: '48x32', steps: 5, guidance: 2, seed: 7, negative_prompt: 'blue' });
    const reply = await receive(network.client, message);
    const { finished } = reply;
    expect(server.asked).toEqual([
      {
        ...{ model: 'painter', prompt: 'a red ship', n: 1, size: '48x32', response_format: 'b64_json' },
        ...{ negative_prompt: 'blue', num_inference_steps: 5, guidance_scale: 2, seed: expect.any(Number) },
      },
    ]);
    expect(finished.response).toEqual(paintPicture(server.asked[0]!).pixels);
    // 5 steps over 48 * 32 pixels, of which 1,024 make a unit.
    expect(finished).toMatchObject({ promptTokens: 0, outputTokens: 10 });
    const { record, header, opening, checks } = await check(network, message, reply);
    expect(record).toMatchObject({
      modelRoot: findNamedRoot(crypto, MODEL_ID),
      responseHash: hashResponse(crypto, opening.blind, finished.response),
      tokenCount: 0,
    });
    expect(header).toMatchObject({ tier: 'vanilla', method: 'signature', outputTokenCount: 10 });
    expect(trajectory.listReplayBlobs(opening)).toEqual([]);
    expect(idsOf(checks, 'fail')).toEqual([]);
    expect(idsOf(checks, 'skip')).toEqual(['links', 'projections', 'sketch-bank']);
    expect(checks.find(({ id }) => id === 'links')?.detail).toMatch(/shows no steps: how the picture was made is not/);
    await until(() => network.validator.pushed.length === 1);
  });

  it('asks for its own size and bills its own steps if a request names none', async () => {
    const { network, server } = await start({}, '--image-steps', '3', '--image-size', '64x32');
    const { finished } = await receive(network.client, orderImage(network));
    expect(server.asked[0]).toMatchObject({ size: '64x32' });
    expect(finished).toMatchObject({ outputTokens: 6 });
  });

  it('sends the same seed for a request with the same seed', async () => {
    const { network, server } = await start({}, '--image-server', 'localai');
    for (const nonce of [1, 2]) {
      const body = { prompt: 'a red ship', size: '16x16', seed: 7 };
      await receive(network.client, network.order({ endpoint: 'image', body, nonce }));
    }
    expect(server.asked[0]?.seed).toBe(server.asked[1]?.seed);
  });

  it.each<[what: string, body: object, words: RegExp]>([
    ['steps', { steps: 4 }, /takes no steps; leave it out/],
    ['guidance', { guidance: 4 }, /takes no guidance; leave it out/],
    ['a sampler', { sampler: 'euler' }, /takes no sampler; leave it out/],
    ['a negative prompt', { negative_prompt: 'blue' }, /reads no negative prompt/],
  ])('refuses %s that the server does not take', async (_what, body, words) => {
    const { network, server } = await start();
    await expect(receive(network.client, orderImage(network, body))).rejects.toThrow(words);
    expect(server.asked).toEqual([]);
  });

  it.each<[what: string, answer: NonNullable<RecordedImageOptions['answer']>]>([
    [
      'an error',
      (_body, response) => {
        send(response, 500, { error: { message: 'boom' } });
        return true;
      },
    ],
    [
      'bytes that are no picture',
      (_body, response) => {
        send(response, 200, { data: [{ b64_json: 'iVBORw0KGgo=' }] });
        return true;
      },
    ],
  ])('signs nothing after %s', async (_what, answer) => {
    const { network } = await start({ answer });
    await expect(receive(network.client, orderImage(network))).rejects.toThrow();
    await until(() => network.provider.activeReplies() === 0);
    expect(network.validator.pushed).toHaveLength(0);
  });
});

describe('hidden steps', () => {
  it('fail in a tier that checks steps, and shown steps in tier vanilla', async () => {
    const { network } = await start();
    const message = orderImage(network, { size: '16x16' });
    const reply = await receive(network.client, message);
    const verified = (header: TrajectoryHeader): TrajectoryHeader => ({ ...header, tier: 'verified' });
    const { checks } = await check(network, message, reply, verified);
    expect(idsOf(checks, 'fail')).toEqual(expect.arrayContaining(['commitment-form', 'choices']));
    expect(checks.find(({ id }) => id === 'commitment-form')?.detail).toBe(
      'a picture without steps, and tier verified has none',
    );
    const shown = createFakeTrajectoryEngine({ exact: false });
    closing.push(() => shown.close());
    const offer = { modelId: MODEL_ID, pricePer1kAtomic: 1n, engine: shown };
    expect(() => openOffers([offer])).toThrow(/serve the model in tier verified/);
  });
});

describe('--image-upstream', () => {
  const settings = settle('--image-upstream', 'http://127.0.0.1:1');
  it.each(['verified', 'replay', 'tee'])('is refused in tier %s, with the tier to choose', async (tier) => {
    await expect(load(`ogong/${tier}/a/b`, settings)).rejects.toMatchObject({
      problems: [
        `--model-id ogong/${tier}/a/b: the server behind --image-upstream shows no steps, so nothing could be checked; serve it as ogong/vanilla/<maker>/<model>`,
      ],
    });
  });

  it('is sold in tier tee-proxy over a link that receipts can show alone, under its own name', async () => {
    await expect(load('ogong/tee-proxy/a/painter', settings)).rejects.toMatchObject({
      problems: [expect.stringContaining('--upstream-authority')],
    });
  });

  it.each(['0x8', '8192x8', '4096x4096', '512', 'big'])('has no size %s', (size) => {
    expect(() => settle('--image-upstream', 'http://127.0.0.1:1', '--image-size', size)).toThrow(/a size in pixels/);
  });
});
