import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { describe, expect, it } from 'vitest';
import { parseModelRequest } from '../../modality/text/model-request.ts';
import { readPictures } from '../../modality/text/read-pictures.ts';
import { openOffers, type ServedOffer } from './offers.ts';
import { createTokenCounts } from './token-counts.ts';

const NOW_MS = 1_800_000_000_000;
const DAY = Math.floor(NOW_MS / 86_400_000);
const MODEL = 'ogong/verified/test/counted';
const never = new AbortController().signal;

const engine = createFakeEngine({ readsPictures: true });
const chat = (content: unknown): Uint8Array =>
  utf8Encode(JSON.stringify({ model: MODEL, messages: [{ role: 'user', content }] }));
const body = chat('How many tokens has this?');

function openCounts({ offer = {}, uptime, rest }: Counted = {}) {
  const offers = openOffers([{ modelId: MODEL, pricePer1kAtomic: 5n, engine, ...offer } as ServedOffer], true);
  const counts = createTokenCounts(
    { offers, clock: { nowMs: () => NOW_MS } },
    { ...(uptime && { uptime }), ...(rest && { rest }) },
  );
  const root = offers[0]?.info.modelRoot as Uint8Array;
  const ask = (request = body, { media = [], modelRoot = root, signal = never }: Partial<Asked> = {}) =>
    counts({ request, media: [...media], modelRoot }, signal);
  return { ask };
}

interface Counted {
  readonly offer?: Partial<ServedOffer> | undefined;
  readonly uptime?: { readonly nowMs: () => number };
  readonly rest?: (ms: number) => Promise<void>;
}
interface Asked {
  readonly media: readonly Uint8Array[];
  readonly modelRoot: Uint8Array;
  readonly signal: AbortSignal;
}

/** Tokens that an order of the same request bills. */
async function countBilled(request: Uint8Array, media: RequestMedia = NO_MEDIA): Promise<number> {
  const read = await readPictures(engine, parseModelRequest(request, 'chat', DAY), { media });
  return (await engine.tokenizePrompt(read.prompt)).length;
}

describe('counts of tokens', () => {
  it('are those that an order bills', async () => {
    const { ask } = openCounts();
    expect(await ask()).toBe(await countBilled(body));
    expect(await ask(chat('A longer question, which has more of them.'))).toBeGreaterThan(await ask());
  });

  it('count the rows of pictures from their sizes, without an encoder', async () => {
    const encoded: Uint8Array[] = [];
    const watched = { ...engine, encodePicture: async (file: Uint8Array) => encoded.push(file) as never };
    const { ask } = openCounts({ offer: { engine: watched } });
    const files = [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8)];
    const references = files.map((file) => toReference(crypto, file));
    const shown = chat([
      ...references.map((url) => ({ type: 'image_url', image_url: { url } })),
      { type: 'text', text: 'What is that?' },
    ]);
    const media = new Map(references.map((reference, i) => [reference, files[i] as Uint8Array]));
    expect(await ask(shown, { media: files })).toBe(await countBilled(shown, media));
    expect(encoded).toEqual([]);
    await expect(ask(shown, { media: files.toReversed() })).rejects.toThrow('other bytes came for it');
  });

  it('leave the engine nine tenths of the time, and wait in a short line', async () => {
    let nowMs = 0;
    const rests: number[] = [];
    const slow = {
      ...engine,
      async tokenizePrompt() {
        nowMs += 30;
        return new Uint32Array(7);
      },
    };
    const { promise: rested, resolve: endRest } = Promise.withResolvers<void>();
    const rest = (ms: number): Promise<void> => {
      rests.push(ms);
      return rested;
    };
    const { ask } = openCounts({ offer: { engine: slow }, uptime: { nowMs: () => nowMs }, rest });
    expect(await ask()).toBe(7);
    const waiting = Array.from({ length: 8 }, () => ask());
    await expect(ask()).rejects.toThrow('too many counts wait');
    endRest();
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => 7));
    expect(new Set(rests)).toEqual(new Set([270]));
  });

  it('go on after one that failed, and after a caller that left', async () => {
    const { ask } = openCounts({ rest: async () => undefined });
    const gone = AbortSignal.abort(new Error('left'));
    const calls = await Promise.allSettled([ask(utf8Encode('{}')), ask(body, { signal: gone }), ask()]);
    expect(calls.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });
});

const unloaded = { hold: () => Promise.reject(new Error('loaded')), isLoaded: () => false, hasRoom: () => true };
it.each<[string, RegExp, Counted['offer'], Partial<Asked> & { readonly request?: Uint8Array }]>([
  ['an unknown model', /does not serve model root/, {}, { modelRoot: new Uint8Array(32) }],
  ['a tier of sealed requests', /takes sealed requests alone/, { modelId: 'ogong/tee/test/counted' }, {}],
  ['a model that is not loaded', /is not loaded/, { presence: unloaded }, {}],
  ['a request that is too long', /at most 1048576 bytes/, {}, { request: new Uint8Array(2 ** 20 + 1) }],
  ['a request that is no chat', /messages/, {}, { request: utf8Encode(JSON.stringify({ model: MODEL })) }],
  ['a model of vectors', /counts no tokens of chats/, { engine: createFakeEmbeddingEngine() }, {}],
  [
    'a picture beside a model that reads none',
    /reads no pictures/,
    { engine: createFakeEngine() },
    {
      request: chat([{ type: 'image_url', image_url: { url: toReference(crypto, Uint8Array.of(1, 2, 3, 4)) } }]),
      media: [Uint8Array.of(1, 2, 3, 4)],
    },
  ],
])('counts nothing of %s', async (_what, message, offer, { request, ...asked }) => {
  await expect(openCounts({ offer }).ask(request, asked)).rejects.toThrow(message);
});
