import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkClient } from '@ogong/host/link/link-client';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { verifyChunk } from '@ogong/protocol/commitment/blob';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { type GenerateRequest, type PictureStep, ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { encodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import {
  type Bend,
  createNetwork,
  findReplyId,
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

async function start(realEngine: TrajectoryEngine, options?: NetworkOptions): Promise<Network> {
  open = await createNetwork({ ...options, realEngine });
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

/** Sends a file of one piece when the provider wants it. */
async function receiveWithMedia(client: LinkClient, message: GenerateRequest, file: Uint8Array): Promise<void> {
  const service = client.service(ProviderService);
  const piece = encodeMedia(new Map([[toReference(crypto, file), file]]));
  for await (const { event } of service.generate(message))
    if (event.case === 'mediaWanted') await service.putMedia({ replyId: findReplyId(), index: 0, piece, last: true });
}

/** Nothing but the end of each admitted order is signed. */
async function expectNothingKept({ provider, validator, store }: Network): Promise<void> {
  await until(() => provider.activeReplies() === 0 && validator.ended.length === validator.admitted.length);
  expect(validator.pushed).toHaveLength(0);
  expect(store().prepare('SELECT count(*) AS n FROM opening').get()?.n).toBe(0);
}

/** An engine that computes until it is stopped. */
function createEndlessEngine(): { readonly engine: TrajectoryEngine; readonly started: () => boolean } {
  let began = false;
  async function* generate(...[_request, { signal }]: Parameters<TrajectoryEngine['generate']>) {
    began = true;
    yield await new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(new EngineError('cancelled', 'the picture was cancelled')));
    });
  }
  return { engine: { ...createFakeTrajectoryEngine(), generate }, started: () => began };
}

describe('an order for a picture', () => {
  it.each([
    { seed: 5 },
    { steps: 3, size: '48x32', guidance: 1.5, negative_prompt: 'blue' },
    { guidance_start: 0.25, guidance_end: 0.75, guidance_momentum: -0.5 },
  ])('is answered by its pixels, with a record, an opening and blobs that replay: %o', async (body) => {
    const { client, order, validator } = await start(createFakeTrajectoryEngine());
    const message = order({ body });
    const { finished } = await receive(client, message);
    const record = parseRecordV2(finished.record!.record);
    const header = trajectory.parseHeader(finished.header);
    const { width, height, steps } = header.choices;
    expect([width, height, steps]).toEqual('steps' in body ? [48, 32, 3] : [32, 32, 8]);
    expect(finished).toMatchObject({ promptTokens: 0, outputTokens: steps * Math.ceil((width * height) / 1024) });
    expect(finished.response).toHaveLength(width * height * 3);
    await until(() => validator.pushed.length === 1);

    const service = client.service(ProviderService);
    const { replyId } = record;
    const opening = parseOpening((await service.getOpening({ replyId })).opening);
    const blobs = new Map<string, Uint8Array>();
    for (const ref of trajectory.listReplayBlobs(opening)) {
      for await (const chunk of service.getBlob({ replyId, root: ref.root, first: 0, count: 1 })) {
        expect(verifyChunk(crypto, { ref, blind: opening.blind }, chunk)).toBe(true);
        blobs.set(toHex(ref.root), chunk.data);
      }
    }
    expect(blobs.size).toBe(steps);
    const { checks } = trajectory.replay(crypto, record, opening, { blobs: (root) => blobs.get(toHex(root)) });
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
  });

  it('sends each step on the way, and the previews that a stream wants', async () => {
    const { client, order } = await start(createFakeTrajectoryEngine());
    const body = { seed: 5, steps: 6, stream: true, partial_images: 2 };
    const steps: PictureStep[] = [];
    for await (const { event } of client.service(ProviderService).generate(order({ body })))
      if (event.case === 'step') steps.push(event.value);
    expect(steps.map(({ step, steps: of }) => [step, of])).toEqual([1, 2, 3, 4, 5, 6].map((step) => [step, 6]));
    const shown = steps.filter(({ preview }) => preview.length > 0);
    expect(shown.map(({ step, preview, width }) => [step, width, preview.length])).toEqual([
      [2, 32, 32 * 32 * 3],
      [4, 32, 32 * 32 * 3],
    ]);
  });

  it.each([
    ['a text', { messages: [], prompt: undefined }, 'invalid', /prompt/],
    ['a size that is no multiple', { size: '36x36' }, 'invalid', /multiples of 8.*leave size out or send size 32x32/],
    ['too many pixels', { size: '128x128' }, 'unsupported', /at most 4096 are made here; send a smaller size/],
    ['momentum without guidance', { guidance: 1, guidance_momentum: 0.5 }, 'invalid', /needs guidance above 1/],
    ['a sampler of diffusion', { sampler: 'ddim' }, 'invalid', /leave sampler out or send sampler flow-match/],
  ])('is refused for %s', async (_what, body, code, message) => {
    const network = await start(createFakeTrajectoryEngine());
    const error = await refusalOf(receive(network.client, network.order({ body })));
    expect([error.refusal, error.message]).toEqual([code, expect.stringMatching(message)]);
    expect(network.validator.admitted).toHaveLength(0);
    await expectNothingKept(network);
  });

  it('is refused with a picture to change that is none, or to a model without an encoder', async () => {
    const network = await start(createFakeTrajectoryEngine());
    const file = new Uint8Array(3);
    const body = { image: toReference(crypto, file) };
    const asked = network.order({ body, endpoint: 'image-edit' });
    const error = await refusalOf(receiveWithMedia(network.client, asked, file));
    expect([error.refusal, error.message]).toEqual([
      'invalid',
      expect.stringMatching(/is neither PNG, JPEG, WebP nor GIF/),
    ]);
    await expectNothingKept(network);
    await network.close();
    const plain = await start(createFakeTrajectoryEngine({ canEdit: false }));
    const other = plain.order({ body, endpoint: 'image-edit' });
    expect((await refusalOf(receive(plain.client, other))).message).toContain('this model has no encoder');
  });

  it('is refused with a negative prompt to a model that reads none', async () => {
    const network = await start(createFakeTrajectoryEngine({ hasNegative: false }));
    const error = await refusalOf(receive(network.client, network.order({ body: { negative_prompt: 'blue' } })));
    expect([error.refusal, error.message]).toEqual(['invalid', expect.stringContaining('reads no negative prompt')]);
  });

  it('is refused another size than the only one', async () => {
    const network = await start(createFakeTrajectoryEngine({ side: 48, hasFixedSize: true }));
    const error = await refusalOf(receive(network.client, network.order({ body: { size: '32x32' } })));
    expect(error.message).toContain('this model makes pictures of 48x48; leave size out or send size 48x48');
  });

  it('is refused where its maximum does not cover the units', async () => {
    const network = await start(createFakeTrajectoryEngine());
    const cheap = network.order({ order: (order) => ({ ...order, maxFeeAtomic: 1n }) });
    expect((await refusalOf(receive(network.client, cheap))).refusal).toBe('invalid');
    await expectNothingKept(network);
  });

  it('is refused to the endpoint of another modality', async () => {
    const network = await start(createFakeTrajectoryEngine());
    const error = await refusalOf(receive(network.client, { ...network.order(), endpoint: 'chat' }));
    expect([error.refusal, error.message]).toEqual(['invalid', expect.stringMatching(/makes pictures; chat was/)]);
  });
});

describe('a provider gives a picture up', () => {
  it('that takes too long: another provider may be tried, and nothing is signed', async () => {
    const { engine } = createEndlessEngine();
    const network = await start(engine, { provider: { maxReplyMs: 1_000 } });
    const error = await refusalOf(receive(network.client, network.order()));
    expect([error.refusal, error.retryable]).toEqual(['unavailable', true]);
    expect(network.validator.admitted).toHaveLength(1);
    await expectNothingKept(network);
  });

  it('when the order is over', async () => {
    const { engine, started } = createEndlessEngine();
    const network = await start(engine);
    const order: Bend['order'] = (o) => ({ ...o, expiresAtMs: BigInt(Date.now() + 2_500) });
    const leave = new AbortController();
    const call = (async () => {
      for await (const _ of network.client
        .service(ProviderService)
        .generate(network.order({ order }), { signal: leave.signal }));
    })();
    await until(started);
    leave.abort();
    expect((await refusalOf(call)).code).toBe('canceled');
    await expectNothingKept(network);
  });
});
