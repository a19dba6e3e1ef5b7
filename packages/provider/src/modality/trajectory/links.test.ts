import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkClient } from '@ogong/host/link/link-client';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import {
  type Finished,
  type GenerateRequest,
  type PictureStep,
  ProviderService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { encodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { createNetwork, findReplyId, type Network } from '@ogong/testing/provider/provider-fixture';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPictureJob } from './score-picture.ts';

const DRAW = new Uint8Array(32).fill(7);
const LATENT = encodeValues(Float32Array.from({ length: 256 }, (_, i) => ((i % 11) - 5) / 8));

let network: Network;
beforeEach(async () => {
  network = await createNetwork({ realEngine: createFakeTrajectoryEngine() });
});
afterEach(() => network.close());

/** The latent with another first value. */
function withFirst(value: number): Uint8Array {
  const bytes = LATENT.slice();
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return bytes;
}

/** Orders a link of 6 steps, and sends its latent when the provider wants it. */
async function order(client: LinkClient, message: GenerateRequest, latent: Uint8Array) {
  const service = client.service(ProviderService);
  const piece = encodeMedia(new Map([[toReference(crypto, latent), latent]]));
  const steps: PictureStep[] = [];
  let finished: Finished | undefined;
  for await (const { event } of service.generate(message)) {
    if (event.case === 'mediaWanted') await service.putMedia({ replyId: findReplyId(), index: 0, piece, last: true });
    if (event.case === 'step') steps.push(event.value);
    if (event.case === 'finished') finished = event.value;
  }
  return { steps, finished: finished as Finished };
}

const ask = (fields: object, latent = LATENT) => {
  const start = 'first_step' in fields ? { latent: toReference(crypto, latent) } : {};
  return network.order({ body: { seed: 5, steps: 6, ...fields, ...start } });
};

describe('an order for a link', () => {
  it.each([
    ['the first', { last_step: 2 }, [1, 2], 1024],
    ['a later', { first_step: 2, last_step: 5 }, [3, 4, 5], 1024],
    ['the last', { first_step: 5 }, [6], 32 * 32 * 3],
  ])(
    'runs the steps of %s one, whose record replays and whose audit accepts it',
    async (_what, part, counted, bytes) => {
      const message = ask(part);
      const { steps, finished } = await order(network.client, message, LATENT);
      expect(steps.map(({ step, steps: of }) => [step, of])).toEqual(counted.map((step) => [step, 6]));
      expect([finished.outputTokens, finished.response.length]).toEqual([counted.length, bytes]);
      const service = network.client.service(ProviderService);
      const record = parseRecordV2(finished.record!.record);
      const { replyId } = record;
      const opening = parseOpening((await service.getOpening({ replyId })).opening);
      const blobs = new Map<string, Uint8Array>();
      for (const { root } of trajectory.listReplayBlobs(opening))
        for await (const { data } of service.getBlob({ replyId, root, first: 0, count: 1 }))
          blobs.set(toHex(root), data);
      expect(blobs.size).toBe(counted.length + ('first_step' in part ? 1 : 0));
      const reply = trajectory.replay(crypto, record, opening, { blobs: (root) => blobs.get(toHex(root)) });
      expect(reply.checks.filter(({ status }) => status !== 'pass')).toEqual([]);

      const media = 'first_step' in part ? [LATENT] : [];
      const job: ScoreJobMessage = {
        ...{ jobId: new Uint8Array(16), request: message.request, timeoutMs: 0, ...reply.describeJob('image', DRAW) },
        ...{ blobs: [...(reply.makeJobBlobs?.(DRAW) ?? [])], media },
      };
      const engine = createFakeTrajectoryEngine();
      const scorable = openPictureJob(job, { engine, crypto });
      expect(scorable.outputs).toBe(Math.min(2, counted.length) + (bytes === 1024 ? 0 : 1));
      const report = await scorable.score(new AbortController().signal);
      const read = reply.readReport(report, { jobId: job.jobId, draw: DRAW, contextSize: 0 });
      expect('problem' in read ? read.problem : read.weigh({}).outcome).toBe('accept');

      const other = network.order({ body: { seed: 5, steps: 6, last_step: 4 } }).request;
      expect(() => openPictureJob({ ...job, request: other, media: [] }, { engine, crypto })).toThrow(
        'the header is about another range of steps than the request',
      );
      await engine.close();
    },
  );

  it.each([
    ['another size', LATENT.slice(4), /latent: 1020 bytes are not 256 values/],
    ['a value that is not finite', LATENT.map((byte, i) => (i < 4 ? 255 : byte)), /latent: value 0 is NaN/],
    ['a value that overflows in a network', withFirst(3e38), /latent: value 0 is 3.*e\+38, and no picture has more/],
    ['a value beyond the bound', withFirst(-1_500), /latent: value 0 is -1500, and no picture has more than \d+/],
  ])('is refused with a latent of %s', async (_what, latent, message) => {
    const error = await order(network.client, ask({ first_step: 2 }, latent), latent).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LinkError);
    expect([(error as LinkError).refusal, (error as LinkError).message]).toEqual([
      'invalid',
      expect.stringMatching(message),
    ]);
    // Before anybody agreed to the order.
    expect(network.validator.admitted).toEqual([]);
  });
});
