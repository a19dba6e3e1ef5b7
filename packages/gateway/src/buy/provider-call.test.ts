import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { createBlobHasher } from '@ogong/protocol/commitment/blob';
import { MEDIA_PIECE_BYTES } from '@ogong/protocol/exchange/limits';
import type { GenerateEvent } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { cutPieces, encodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { passSealed } from '../sealed/pass-sealed.ts';
import { isRefusal } from './follow-provider.ts';
import { createOrderPacing, type OrderPacing, UnsentOrderError } from './order-pacing.ts';
import { createProviderCall, type GenerateInput } from './provider-call.ts';

/** Units of one message that is not whole yet. */
const seal = () => ({ envelope: new Uint8Array(), open: () => undefined, sealMedia: () => [] });

const PATIENCE_MS = 1_000;
const options = { firstTokenTimeoutMs: PATIENCE_MS, idleTimeoutMs: PATIENCE_MS, totalTimeoutMs: 60_000 };
const providerId = new Uint8Array(32).fill(1);
const input = {
  match: { ticket: { providerId, providerEndpoint: 'p:1', providerCertHash: providerId }, signed: {} },
  ...{ order: {}, envelope: new Uint8Array(), signal: new AbortController().signal },
} as unknown as GenerateInput & Parameters<typeof passSealed>[1];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Providers that say nothing until they are left. */
function createSilent() {
  let sent = 0;
  async function* generate(_order: unknown, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<never> {
    sent++;
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
  return { links: { to: () => ({ generate }) } as unknown as LinkPool, sent: () => sent };
}

const CALLS = {
  'in plain': (links: LinkPool, pacing: OrderPacing) => createProviderCall(options, { links, pacing }).generate(input),
  sealed: (links: LinkPool, pacing: OrderPacing) => passSealed({ links, options, pacing }, input),
};

describe.each(Object.entries(CALLS))('an order that goes out %s', (_how, call) => {
  it('is no fault of its provider where it waited here alone', async () => {
    const { links, sent } = createSilent();
    const pacing = createOrderPacing();
    for (let i = 0; i < 32; i++) await pacing.enter(providerId, input.signal);
    const error = call(links, pacing)
      .next()
      .catch((cause: unknown) => cause);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(await error).toBeInstanceOf(UnsentOrderError);
    expect(isRefusal(await error)).toBe(true);
    expect(sent()).toBe(0);
  });

  it.each([
    ['unreachable', true, 'provider_unreachable'],
    ['unreachable', false, 'provider_failed'],
  ] as const)('and breaks off as %s, unsent %s, ends in %s', async (code, isUnsent, found) => {
    // biome-ignore lint/correctness/useYield: it fails before it says anything.
    async function* generate(): AsyncGenerator<never> {
      throw new LinkError(code, 'gone', { isUnsent });
    }
    const links = { to: () => ({ generate }) } as unknown as LinkPool;
    const error = await call(links, createOrderPacing())
      .next()
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: found });
    expect(isRefusal(error)).toBe(isUnsent);
  });

  it('has its whole patience once it went out', async () => {
    const { links, sent } = createSilent();
    const pacing = createOrderPacing();
    const [first] = await Promise.all(Array.from({ length: 32 }, () => pacing.enter(providerId, input.signal)));
    let failure: unknown;
    const over = call(links, pacing)
      .next()
      .catch((cause: unknown) => {
        failure = cause;
      });
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
    first?.ended(false);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
    expect([sent(), failure]).toEqual([1, undefined]);
    await vi.advanceTimersByTimeAsync(1);
    await over;
    expect(failure).toMatchObject({ code: 'provider_timeout' });
  });
});

describe('a sealed reply', () => {
  const pass = (units: readonly Uint8Array[], maxTokens?: number) => {
    async function* generate() {
      for (const unit of units) yield { event: { case: 'sealed', value: { unit, head: new Uint8Array() } } };
      yield { event: { case: 'finished', value: { text: '', response: new Uint8Array() } } };
    }
    const links = { to: () => ({ generate }) } as unknown as LinkPool;
    return passSealed({ links, options, pacing: createOrderPacing() }, { ...input, maxTokens });
  };
  const read = async (stream: ReturnType<typeof pass>) => {
    let count = 0;
    for (;;) {
      const next = await stream.next();
      if (next.done) return count;
      count++;
    }
  };
  // One unit again and again: nothing of it is kept.
  const repeat = (count: number, unit: Uint8Array) => Array.from({ length: count }, () => unit);

  it('may be as long as its tokens, whatever the keys of its units weigh', async () => {
    expect(await read(pass(repeat(11_500, new Uint8Array(12_000)), 2_000))).toBe(11_500);
    expect(await read(pass(repeat(8_192 + 20, new Uint8Array(1_239)), 10))).toBe(8_192 + 20);
  });

  it('has no more units than its tokens and bytes need', async () => {
    const more = pass(repeat(8_192 + 21, new Uint8Array(1_239)), 10);
    await expect(read(more)).rejects.toMatchObject({ code: 'provider_failed' });
    const large = pass(repeat(4_200, new Uint8Array(40_000)));
    await expect(read(large)).rejects.toMatchObject({ code: 'provider_failed' });
  });
});

describe('media of a request', () => {
  const bytes = new Uint8Array(MEDIA_PIECE_BYTES + 7).fill(3);
  const media = new Map([['ogong:media/a', bytes]]);
  const pieces = cutPieces(encodeMedia(media));
  const matched = { ...input.match, ticket: { ...input.match.ticket, replyId: new Uint8Array(16).fill(4) } };

  /** A provider that wants them, `times` times, and then ends. */
  function createWanting(times: number, put: (sent: unknown) => Promise<object> = async () => ({})) {
    const sent: unknown[] = [];
    async function* generate() {
      for (let i = 0; i < times; i++) yield { event: { case: 'mediaWanted', value: {} } };
      yield { event: { case: 'finished', value: { text: '', response: new Uint8Array() } } };
    }
    const putMedia = (message: unknown): Promise<object> => {
      sent.push(message);
      return put(message);
    };
    return { links: { to: () => ({ generate, putMedia }) } as unknown as LinkPool, sent };
  }
  const SENDERS = {
    'in plain': (links: LinkPool, isNamed: boolean) =>
      createProviderCall(options, { links }).generate({ ...input, match: matched, ...(isNamed && { media }) }),
    sealed: (links: LinkPool, isNamed: boolean) =>
      passSealed(
        { links, options, pacing: createOrderPacing() },
        { ...input, match: matched, ...(isNamed && { media: pieces }) },
      ),
  };

  describe.each(Object.entries(SENDERS))('%s', (_how, call) => {
    it('go out piece by piece when they are wanted', async () => {
      const { links, sent } = createWanting(1);
      expect((await call(links, true).next()).done).toBe(true);
      expect(sent).toEqual(
        pieces.map((piece, index) => ({ replyId: matched.ticket.replyId, index, piece, last: index === 1 })),
      );
    });

    it('that the request does not name are not sent', async () => {
      const { links, sent } = createWanting(1);
      await expect(call(links, false).next()).rejects.toMatchObject({ code: 'provider_failed' });
      expect(sent).toEqual([]);
    });

    it('that the provider refuses end the call', async () => {
      const { links } = createWanting(1, async () => {
        throw new LinkError('remote', 'piece 0 of the media has 9 bytes', { refusal: 'invalid' });
      });
      await expect(call(links, true).next()).rejects.toMatchObject({ name: 'ApiError' });
    });
  });
});

describe('messages without text', () => {
  type Said = readonly [afterMs: number, event: GenerateEvent['event']];
  const started = { case: 'started', value: { calls: '', reasoning: '', marks: '' } } as GenerateEvent['event'];
  const say = (text: string, ids: readonly number[] = []): GenerateEvent['event'] =>
    ({
      case: 'delta',
      value: { text, tokens: ids.map((id) => ({ id, bytes: new Uint8Array(1), logprob: -1, alternatives: [] })) },
    }) as unknown as GenerateEvent['event'];
  const finished = { case: 'finished', value: {} } as GenerateEvent['event'];

  interface FollowOptions {
    readonly sealing?: Parameters<typeof createProviderCall>[1]['sealing'];
    readonly maxTokens?: number;
    readonly steps?: GenerateInput['steps'];
  }

  /** @returns the outcome, and the time until it. */
  function follow(said: readonly Said[], { sealing, maxTokens = 100, steps }: FollowOptions = {}) {
    async function* generate(_order: unknown, { signal }: { readonly signal: AbortSignal }) {
      for (const [afterMs, event] of said) {
        await new Promise<void>((resolve, reject) => {
          setTimeout(resolve, afterMs);
          signal.addEventListener('abort', () => reject(signal.reason));
        });
        yield { event };
      }
    }
    const links = { to: () => ({ generate }) } as unknown as LinkPool;
    const call = createProviderCall(options, { links, ...(sealing && { sealing, seal }) });
    const parts: [atMs: number, text: string, ids: number[]][] = [];
    const startMs = Date.now();
    const read = async () => {
      const stream = call.generate({ ...input, maxTokens, topLogprobs: 0, steps });
      for (let next = await stream.next(); !next.done; next = await stream.next()) {
        const { text, tokens } = next.value;
        parts.push([Date.now() - startMs, text, tokens.map(({ id }) => id)]);
      }
      return 'whole';
    };
    const end = read()
      .catch((error: unknown) => (error as { readonly code?: string }).code)
      .then((how) => ({ how, parts, tookMs: Date.now() - startMs }));
    return vi.runAllTimersAsync().then(() => end);
  }

  it.each<[string, GenerateEvent['event']]>([
    ['an empty part', say('')],
    ['a token without text', say('', [1])],
    ['its start again', started],
    ['an event that nobody knows', { case: undefined }],
  ])('as %s does not, is no sign of life before the first text', async (_what, event) => {
    const drip = Array.from({ length: 50 }, (): Said => [PATIENCE_MS / 2, event]);
    const { how, parts, tookMs } = await follow([[0, started], ...drip]);
    expect([how, parts, tookMs]).toEqual(['provider_timeout', [], PATIENCE_MS]);
  });

  it.each([
    [0, 'whole', 51 * (PATIENCE_MS / 2)],
    [100, 'provider_timeout', PATIENCE_MS],
  ])(
    'is a sealed unit, which is a sign of life where %i tokens of text are asked for: %s',
    async (maxTokens, how, tookMs) => {
      const sealing = { keys: { find: async () => ({}) }, ledger: {} } as unknown as FollowOptions['sealing'];
      const unit = {
        case: 'sealed',
        value: { unit: new Uint8Array(1), head: new Uint8Array() },
      } as GenerateEvent['event'];
      const units = Array.from({ length: 50 }, (): Said => [PATIENCE_MS / 2, unit]);
      const last = { case: 'finished', value: { text: '', response: new Uint8Array() } } as GenerateEvent['event'];
      const came = await follow([[0, started], ...units, [PATIENCE_MS / 2, last]], { sealing, maxTokens });
      expect([came.how, came.parts, came.tookMs]).toEqual([how, [], tookMs]);
    },
  );

  const passed = (step: number, preview = new Uint8Array()): GenerateEvent['event'] =>
    ({ case: 'step', value: { step, steps: 100, width: 1, height: 1, preview } }) as GenerateEvent['event'];

  it('is each new step of a picture, but a step counts once', async () => {
    const computed = Array.from({ length: 20 }, (_, i): Said => [PATIENCE_MS / 2, passed(i + 1)]);
    const whole = await follow([[0, started], ...computed, [0, finished]], {
      maxTokens: 0,
      steps: { previews: 0, mostSteps: 150 },
    });
    expect([whole.how, whole.parts.length, whole.tookMs]).toEqual(['whole', 20, 10 * PATIENCE_MS]);

    const same = Array.from({ length: 20 }, (): Said => [PATIENCE_MS / 2, passed(1)]);
    const stuck = await follow([[0, started], ...same], { maxTokens: 0, steps: { previews: 0, mostSteps: 150 } });
    expect([stuck.how, stuck.tookMs]).toEqual(['provider_timeout', 1.5 * PATIENCE_MS]);

    const unasked = await follow([[0, started], ...computed], { maxTokens: 0 });
    expect([unasked.how, unasked.parts]).toEqual(['provider_timeout', []]);
  });

  it('may be missing until a picture without steps is complete, but its start may not', async () => {
    const steps = { previews: 0, mostSteps: 150, areHidden: true };
    const whole = await follow(
      [
        [0, started],
        [50 * PATIENCE_MS, finished],
      ],
      { maxTokens: 0, steps },
    );
    expect([whole.how, whole.tookMs]).toEqual(['whole', 50 * PATIENCE_MS]);
    const late = await follow([[2 * PATIENCE_MS, started]], { maxTokens: 0, steps });
    expect([late.how, late.tookMs]).toEqual(['provider_timeout', PATIENCE_MS]);
    const endless = await follow(
      [
        [0, started],
        [61 * PATIENCE_MS, finished],
      ],
      { maxTokens: 0, steps },
    );
    expect([endless.how, endless.tookMs]).toEqual(['provider_timeout', options.totalTimeoutMs]);
  });

  it.each([
    ['more previews than the client wants', [passed(1, new Uint8Array(3)), passed(2, new Uint8Array(3))]],
    ['a preview of another size', [passed(1, new Uint8Array(4))]],
  ])('ends with %s', async (_what, steps) => {
    const said = steps.map((event): Said => [0, event]);
    const { how } = await follow([[0, started], ...said], { maxTokens: 0, steps: { previews: 1, mostSteps: 150 } });
    expect(how).toBe('provider_failed');
  });

  it('is handed on with the first text, and not before', async () => {
    const said: Said[] = [
      [0, started],
      [10, say('')],
      [10, say('', [1])],
      [100, say('Once', [2])],
      [10, say('', [3])],
      [10, finished],
    ];
    const { how, parts } = await follow(said);
    expect([how, parts]).toEqual([
      'whole',
      [
        [120, 'Once', [1, 2]],
        [140, '', [3]],
      ],
    ]);
  });
});

describe('a blob', () => {
  const blind = new Uint8Array(32).fill(7);
  const bytes = new Uint8Array(70_000).fill(5);
  const hasher = createBlobHasher(nodeCrypto, blind);
  hasher.push(bytes);
  const { ref, prove } = hasher.finish();
  const chunks = [bytes.subarray(0, 65_536), bytes.subarray(65_536)].map((data, index) => ({
    index,
    data,
    proof: prove(index),
  }));
  const fetchFrom = (getBlob: () => AsyncIterable<unknown>): Promise<Uint8Array> =>
    createProviderCall(options, { links: { to: () => ({ getBlob }) } as unknown as LinkPool }).getBlob(
      ...[input.match, new Uint8Array(16), ref, blind],
    );

  it('is asked for again at a provider that is slow, and not at one that sends something else', async () => {
    let calls = 0;
    const found = fetchFrom(async function* () {
      if (calls++ === 0) throw new LinkError('timeout', 'slow');
      yield* chunks;
    });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await found).toEqual(bytes);
    expect(calls).toBe(2);
    const wrong = fetchFrom(async function* () {
      calls++;
      yield { ...chunks[0], index: 1 };
    });
    await expect(wrong).rejects.toMatchObject({ code: 'wrong-chunk' });
    expect(calls).toBe(3);
  });

  it('is given up after a few calls', async () => {
    let calls = 0;
    // biome-ignore lint/correctness/useYield: it fails before it says anything.
    const found = fetchFrom(async function* () {
      calls++;
      throw new LinkError('unreachable', 'gone');
    }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await found).toMatchObject({ code: 'withheld' });
    expect(calls).toBe(3);
  });
});
