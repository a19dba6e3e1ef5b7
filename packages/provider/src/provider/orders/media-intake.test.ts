import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkClient } from '@ogong/host/link/link-client';
import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { MAX_MEDIA_PIECES, MEDIA_PIECE_BYTES } from '@ogong/protocol/exchange/limits';
import { type GenerateRequest, ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { cutPieces, encodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import { FULL_CHANNEL } from '@ogong/testing/network/fixed-chain';
import {
  createNetwork,
  findReplyId,
  type Network,
  type NetworkOptions,
} from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import { NO_BLOBS } from '../serving/blob-store.ts';
import { createMediaIntake } from './media-intake.ts';

const networks: Network[] = [];
afterEach(() => Promise.all(networks.splice(0).map((network) => network.close())));
async function start(options: NetworkOptions = {}): Promise<Network> {
  const network = await createNetwork(options);
  networks.push(network);
  return network;
}

const fill = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 255);
const LARGE = fill(MEDIA_PIECE_BYTES + 1000, 1);
const SMALL = fill(9, 2);
const refer = (bytes: Uint8Array): string => toReference(crypto, bytes);
/** A field that texts leave out names the media, so that this test needs no model that sees. */
const body = { image: [refer(LARGE), refer(SMALL)], max_tokens: 8, stream: false };
const encode = (...parts: readonly Uint8Array[]) => encodeMedia(new Map(parts.map((part, i) => [`${i}`, part])));
const PIECES = cutPieces(encode(LARGE, SMALL));

/** Sends pieces when they are wanted. @returns the kinds of the events, in order. */
async function converse(
  client: LinkClient,
  message: GenerateRequest,
  { pieces = PIECES, sender = client }: { pieces?: readonly Uint8Array[]; sender?: LinkClient } = {},
): Promise<readonly (string | undefined)[]> {
  const kinds: (string | undefined)[] = [];
  let sent: Promise<unknown> = Promise.resolve();
  let failure: unknown;
  for await (const { event } of client.service(ProviderService).generate(message)) {
    kinds.push(event.case);
    if (event.case !== 'mediaWanted') continue;
    sent = (async () => {
      for (const [index, piece] of pieces.entries()) {
        const last = index === pieces.length - 1;
        await sender.service(ProviderService).putMedia({ replyId: findReplyId(), index, piece, last });
      }
    })().catch((error: unknown) => {
      failure = error;
    });
  }
  await sent;
  if (failure !== undefined) throw failure;
  return kinds;
}
const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'served',
    (error: Error) => error.message,
  );

describe('the media of an order', () => {
  it('are wanted after its checks, kept for its audit, and read by the readers of the opening alone', async () => {
    const { client, order, connect } = await start();
    const kinds = await converse(client, order({ body }));
    expect(kinds[0]).toBe('mediaWanted');
    expect(kinds.at(-1)).toBe('finished');
    const replyId = findReplyId();
    const validator = (await connect(3)).service(ProviderService);
    const { opening, media } = await validator.getOpening({ replyId });
    const { blind } = parseOpening(opening);
    const limits = { crypto, maxBytes: 1e8, timeoutMs: 10_000 };
    const refs = media.map(({ bytes, root }) => ({ bytes: Number(bytes), root }));
    const fetched = [];
    for (const ref of refs) fetched.push(await fetchBlob(validator, { replyId, ref, blind }, limits));
    expect(fetched).toEqual([LARGE, SMALL]);
    const stranger = (await connect(4)).service(ProviderService);
    const wanted = { replyId, ref: refs[1]!, blind };
    await expect(fetchBlob(stranger, wanted, limits)).rejects.toMatchObject({ code: 'withheld' });
  });

  it('are not wanted if the request names none', async () => {
    const { client, order } = await start();
    expect(await converse(client, order({ body: { max_tokens: 8 } }))).not.toContain('mediaWanted');
  });

  it('are not wanted of a payer without money', async () => {
    const { client, order } = await start({ channel: { ...FULL_CHANNEL, spendable: 0n, admitted: 0n } });
    const message = await refusalOf(converse(client, order({ body })));
    expect(message).not.toBe('served');
    expect(message).not.toContain('media');
  });

  it.each([
    ['missing', cutPieces(encode(LARGE)), `without the bytes of ${refer(SMALL)}`],
    ['superfluous', cutPieces(encode(LARGE, SMALL, SMALL)), 'part 2 of the media'],
    ['other bytes', cutPieces(encode(SMALL, SMALL)), `${refer(LARGE)}: other bytes`],
    ['no encoded media', [fill(99, 3)], 'media:'],
    ['an empty last piece', [PIECES[0]!, new Uint8Array()], 'piece 1 of the media has 0 bytes'],
    ['a short piece', [SMALL, SMALL], 'piece 0 of the media has 9 bytes'],
  ])('that are %s are refused', async (_name, pieces, message) => {
    const { client, order, store } = await start();
    expect(await refusalOf(converse(client, order({ body }), { pieces }))).toContain(message);
    expect(store().prepare('SELECT count(*) AS n FROM outbox').get()?.n).toBe(0);
  });

  it('are taken from the sender of the order alone', async () => {
    const { client, order, connect } = await start();
    const sender = await connect(4);
    const replyId = findReplyId();
    const events = client.service(ProviderService).generate(order({ body }))[Symbol.asyncIterator]();
    expect((await events.next()).value?.event.case).toBe('mediaWanted');
    const put = sender.service(ProviderService).putMedia({ replyId, index: 0, piece: PIECES[0]!, last: false });
    await expect(put).rejects.toMatchObject({ refusal: 'not-found' });
    await events.return?.();
  });

  it('are refused by a provider without a folder for blobs', async () => {
    const { client, order } = await start({ blobs: NO_BLOBS });
    expect(await refusalOf(converse(client, order({ body })))).toContain('no room for blobs');
  });

  it('are refused in place of data URLs and addresses in the body', async () => {
    const { client, order } = await start();
    for (const image of ['data:image/png;base64,AAAA', 'https://example.org/a.png'])
      expect(await refusalOf(converse(client, order({ body: { image } })))).toContain('request: image');
  });
});

describe('the memory for media', () => {
  const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
  const caller = new Uint8Array(32) as PeerId;
  const { signal } = new AbortController();
  const full = new Uint8Array(MEDIA_PIECE_BYTES);

  it('is bounded, and freed when an order ends', async () => {
    const intake = createMediaIntake(2 * MEDIA_PIECE_BYTES);
    const first = intake.open(id(1), caller, signal);
    const second = intake.open(id(2), caller, signal);
    for (const index of [0, 1]) intake.put(caller, { replyId: id(1), index, piece: full, last: false });
    expect(() => intake.put(caller, { replyId: id(2), index: 0, piece: full, last: false })).toThrow('no room');
    await expect(second.whole).rejects.toBeInstanceOf(Refusal);
    expect(() => intake.open(id(3), caller, signal)).toThrow('no room');
    first.end();
    first.end();
    intake.open(id(3), caller, signal);
    intake.put(caller, { replyId: id(3), index: 0, piece: full, last: true });
    expect(() => intake.put(caller, { replyId: id(3), index: 1, piece: full, last: true })).toThrow('are awaited');
  });

  it('takes pieces in order, and not too many', async () => {
    const intake = createMediaIntake();
    const awaited = intake.open(id(1), caller, signal);
    expect(() => intake.open(id(1), caller, signal)).toThrow('awaited already');
    expect(() => intake.put(caller, { replyId: id(1), index: 1, piece: full, last: false })).toThrow('piece 1');
    for (let index = 0; index < MAX_MEDIA_PIECES; index++)
      intake.put(caller, { replyId: id(1), index, piece: full, last: false });
    const more = { replyId: id(1), index: MAX_MEDIA_PIECES, piece: full, last: true };
    expect(() => intake.put(caller, more)).toThrow('more than');
    await expect(awaited.whole).rejects.toThrow('piece 1');
  });

  it('is not waited for after the sender has left', async () => {
    const gone = new AbortController();
    const awaited = createMediaIntake().open(id(1), caller, gone.signal);
    gone.abort();
    await expect(awaited.whole).rejects.toThrow('did not arrive in time');
  });
});
