import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { detachMedia } from '@ogong/protocol/modality/media/detach-media';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { text } from '@ogong/protocol/modality/text/text';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { commitReply } from './commit-reply.ts';
import { generateReply } from './generate-reply.ts';
import { commitPictures } from './read-pictures.ts';
import { openTextJob } from './score-text.ts';

const engine = createFakeEngine({ readsPictures: true });
afterAll(() => engine.close());
const signer = createNodeHybridSigner(new Uint8Array(64).fill(1));
const signal = new AbortController().signal;
const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const beacon = { value: fill(32, 8), previous: fill(32, 9) };
const draw = fill(32, 7);

const [CIRCLE, SQUARE] = [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8)];
const show = (...files: Uint8Array[]) => {
  const pictures = files.map((file) => ({
    type: 'image_url',
    image_url: { url: `data:image/png;base64,${toBase64(file)}` },
  }));
  const content = [{ type: 'text', text: 'What is shown?' }, ...pictures];
  const body = { model: 'ogong/verified/test/fake', max_tokens: 12, messages: [{ role: 'user', content }] };
  return detachMedia(crypto, utf8Encode(JSON.stringify(body)));
};

const orderOf = (body: Uint8Array): NamedOrder => ({
  ...{ payer: fill(20, 1), validator: fill(20, 2), cumulativeAtomic: 1n, nonce: fill(32, 3), router: fill(20, 4) },
  ...{ requestHash: hashRequest(crypto, 'chat', body), modelRoot: engine.info().modelRoot, contextSize: 256 },
  ...{ providerId: fill(32, 5), payee: fill(20, 6), replyId: fill(16, 7), orderHash: fill(32, 8), choice: 0 },
  ...{ maxFeeAtomic: 1n << 100n, pricePer1kAtomic: 1n, epoch: 1n, expiresAtMs: 1n },
});

interface Cheat {
  /** The pictures that the provider reads. Default: those of the request. */
  readonly seen?: readonly Uint8Array[];
  /** The engine that serves. Default: an honest one. */
  readonly by?: TextEngine;
  /** Changes committed rows. */
  readonly bend?: (rows: Float32Array) => Float32Array;
}

/** Serves a reply about a circle and a square, honestly or not. */
async function serve({ by = engine, seen, bend }: Cheat = {}) {
  const { body, media } = show(CIRCLE, SQUARE);
  const order = orderOf(body);
  const swapped = new Map([...media.keys()].map((reference, i) => [reference, seen?.[i] as Uint8Array]));
  const given = { order, endpoint: 'chat', body, beacon, media: seen ? swapped : media } as const;
  const generated = await generateReply(given, { engine: by, crypto });
  if (generated === undefined) throw new Error('the fake answers');
  const { reply } = generated;
  const { blobs = [], pictures = [] } = reply.shown ?? {};
  const { embeddingSize: rowSize } = engine.info();
  const bent = bend && {
    shown: commitPictures(crypto, reply.blinds.answer, {
      rowSize,
      pictures: blobs.map(({ bytes }) => ({ pieces: [], rows: bend(new Float32Array(bytes.slice().buffer)) })),
    }),
  };
  expect(pictures).toHaveLength(2);
  const committed = commitReply(crypto, signer, { ...reply, ...bent, startMs: 0, endMs: 1 });
  const kept = new Map(committed.blobs?.map(({ ref, bytes }) => [toHex(ref.root), bytes]));
  const replay = (find?: FindBlob) =>
    text.replay(crypto, parseRecordV2(committed.record), parseOpening(committed.opening), { blobs: find });
  return { body, media, committed, replay, reply: replay((root) => kept.get(toHex(root))) };
}

type Served = Awaited<ReturnType<typeof serve>>;

function createJob({ reply, body, media }: Served): ScoreJobMessage {
  return {
    ...{ jobId: fill(16, 1), request: body, timeoutMs: 0 },
    ...{ media: [...media.values()], blobs: [...(reply.makeJobBlobs?.(draw) ?? [])] },
    ...reply.describeJob('chat', draw),
  };
}

/** Audits a reply on an honest machine. */
async function audit(served: Served, by: TextEngine = engine) {
  const job = createJob(served);
  const bytes = await openTextJob(job, { engine: by, crypto }).score(signal);
  const read = served.reply.readReport(bytes, { jobId: job.jobId, draw, contextSize: 256 });
  if ('problem' in read) throw new Error(read.problem);
  const { outcome, checks } = read.weigh({});
  return { outcome, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
}

const withEngine = async <T>(
  options: Parameters<typeof createFakeEngine>[0],
  work: (engine: TextEngine) => Promise<T>,
) => {
  const other = createFakeEngine({ readsPictures: true, ...options });
  try {
    return await work(other);
  } finally {
    await other.close();
  }
};

describe('an audit of a reply about pictures', () => {
  it('accepts what the model sees in the pictures', async () => {
    const served = await serve();
    expect(served.reply.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(await audit(served)).toEqual({ outcome: 'accept', failed: [] });
  });

  it('computes on the committed rows, so an encoder of other kernels changes no bit', async () => {
    const served = await serve();
    await withEngine({ encoderError: 4e-7 }, async (other) => {
      expect(await audit(served, other)).toEqual({ outcome: 'accept', failed: [] });
    });
  });

  it.each([
    ['weights of the encoder in f16', { encoderError: 1e-4 }],
    ['one value of one pixel', { encoderError: 1.6e-5 }],
  ])('rejects %s', async (_name, options) => {
    await withEngine(options, async (by) => {
      expect(await audit(await serve({ by }))).toEqual({ outcome: 'reject', failed: ['picture-rows'] });
    });
  });

  it('rejects another number of rows', async () => {
    const served = await serve({ bend: (rows) => rows.subarray(32) });
    const { outcome, failed } = await audit(served);
    expect(outcome).toBe('reject');
    expect(failed).toContain('picture-rows');
  });

  it.each([
    ['another picture', [CIRCLE, CIRCLE]],
    ['pictures in another order', [SQUARE, CIRCLE]],
  ])('rejects %s', async (_name, seen) => {
    expect(await audit(await serve({ seen }))).toEqual({ outcome: 'reject', failed: ['picture-rows'] });
  });

  it('rejects a reply about other rows than the committed ones', async () => {
    const { committed } = await serve();
    const honest = (committed.blobs ?? []).map(({ bytes }) => new Float32Array(bytes.slice().buffer));
    let next = 0;
    const served = await serve({ seen: [SQUARE, SQUARE], bend: () => honest[next++] as Float32Array });
    expect(await audit(served)).toEqual({ outcome: 'reject', failed: ['equality'] });
  });
});

it('refutes rows that are no finite values by themselves', async () => {
  const { reply } = await serve({ bend: (rows) => rows.with(3, Number.NaN) });
  expect(reply.checks.filter(({ status }) => status === 'fail')).toMatchObject([{ id: 'picture-rows', position: 0 }]);
  expect(reply.refutedBy).toHaveLength(1);
  expect(reply.makeJobBlobs?.(draw)).toBeUndefined();
});

it('makes no job while a blob is missing', async () => {
  const { replay } = await serve();
  expect(replay().makeJobBlobs?.(draw)).toBeUndefined();
  expect(replay().checks.filter(({ status }) => status === 'fail')).toEqual([]);
});

describe('a verifier', () => {
  it('refuses a job without the pictures, or with other rows than the header names', async () => {
    const job = createJob(await serve());
    const [first, second] = job.blobs as [Uint8Array, Uint8Array];
    const bad: Partial<ScoreJobMessage>[] = [
      { media: [] },
      { media: [SQUARE, CIRCLE] },
      { blobs: [] },
      { blobs: [second, first] },
      { blobs: [first, second.subarray(4)] },
      { blobs: [first, encodeValues(new Float32Array(second.length / 4))] },
    ];
    for (const change of bad)
      expect(
        () => openTextJob({ ...job, ...change }, { engine, crypto }),
        JSON.stringify(Object.keys(change)),
      ).toThrow();
  });

  it('reports a reply about pictures of a model that reads none, and does not refuse the job', async () => {
    const blind = createFakeEngine();
    const { outcome, failed } = await audit(await serve(), blind);
    expect(outcome).toBe('reject');
    expect(failed).toContain('picture-rows');
    await blind.close();
  });

  it('reports a reply about a file that is no picture', async () => {
    const blind = createFakeEngine({ readsPictures: true });
    const served = await serve();
    const unread: TextEngine = {
      ...blind,
      encodePicture: () => Promise.reject(new EngineError('invalid-request', 'the file is no picture')),
    };
    expect((await audit(served, unread)).outcome).toBe('reject');
    const slow: TextEngine = {
      ...blind,
      encodePicture: () => Promise.reject(new EngineError('overloaded', 'too slow', { retryable: true })),
    };
    await expect(audit(served, slow)).rejects.toThrow('too slow');
    await blind.close();
  });
});

it('states the rows of each picture in the header', async () => {
  const { committed } = await serve();
  const { pictures } = parseHeader(committed.header);
  expect(pictures.map(({ rows }) => rows)).toEqual([3, 3]);
  expect(committed.blobs?.map(({ ref }) => ref.bytes)).toEqual([3 * 32 * 4, 3 * 32 * 4]);
});
