import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeCommitment, encodeOpening, type Opening, parseOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2, parseRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { encodeHeader, type Header, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { generateLocally } from '@ogong/provider/local/local-model';
import { createSpeedMeter } from '@ogong/provider/local/speed-meter';
import type { KeptReply } from '@ogong/provider/modality/local-reply';
import { parseModelRequest } from '@ogong/provider/modality/text/model-request';
import { readPictures } from '@ogong/provider/modality/text/read-pictures';
import { createFakeEngine } from '../engine/fake.ts';

export const LOCAL_START_MS = 1_700_000_000_000;
/** Ten milliseconds later. */
const clock = { nowMs: () => LOCAL_START_MS + 10 };
/** Derived from the same bytes each time. */
const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(length);

export interface LocalReplyOptions {
  readonly engine?: TextEngine;
  /** Body of the request. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Media that the body names. Default: none. */
  readonly media?: RequestMedia;
}

/** An answer of local mode, and its receipt. */
export async function serveLocalReply({
  engine = createFakeEngine({ contextSize: 512 }),
  fields = {},
  media = NO_MEDIA,
}: LocalReplyOptions = {}): Promise<KeptReply> {
  const asked = { model: 'fake', messages: [{ role: 'user', content: 'Tell me a story' }], max_tokens: 40, ...fields };
  const body = utf8Encode(JSON.stringify(asked));
  const day = Math.floor(LOCAL_START_MS / 86_400_000);
  const seen = await readPictures(engine, parseModelRequest(body, 'chat', day), { media });
  const request = { ...seen, body, media, startMs: LOCAL_START_MS };
  const kept: KeptReply[] = [];
  const job = { engine, request, keep: (reply: KeptReply) => kept.push(reply), signal: new AbortController().signal };
  for await (const _ of generateLocally({ crypto, clock, randomBytes, speeds: createSpeedMeter() }, job));
  await engine.close();
  return kept[0] as KeptReply;
}

export interface LocalForgery {
  readonly header?: (header: Header) => Partial<Header>;
  readonly windows?: (windows: Opening['windows']) => Opening['windows'];
  readonly record?: (record: RecordV2) => Partial<RecordV2>;
}

/** The changes that the holder of a local receipt can make. Everything stays consistent, because nobody signed it. */
export function forgeLocalReply(
  reply: KeptReply,
  { header = () => ({}), windows = (given) => given, record = () => ({}) }: LocalForgery,
): KeptReply {
  const opening = parseOpening(reply.receipt.opening.bytes);
  const parsed = parseHeader(opening.header);
  const forged = {
    blind: opening.blind,
    header: encodeHeader({ ...parsed, ...header(parsed) }),
    windows: windows(opening.windows),
  };
  const held = parseRecordV2(reply.receipt.record.bytes);
  const commitRoot = computeCommitment(crypto, forged).root;
  const bytes = encodeRecordV2({ ...held, commitRoot, ...record(held) });
  return { ...reply, receipt: { ...reply.receipt, record: { bytes }, opening: { bytes: encodeOpening(forged) } } };
}
