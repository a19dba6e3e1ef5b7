import type { TextEngine } from '@ogong/engine/interface/text';
import { BlobError } from '@ogong/host/blob/blob-error';
import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createWriter, toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Outcome } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { MAX_ROWS_BYTES } from '@ogong/protocol/exchange/limits';
import { type NamedOrder, nameOrder } from '@ogong/protocol/exchange/order';
import { detachMedia } from '@ogong/protocol/modality/media/detach-media';
import type { ReplayedReply } from '@ogong/protocol/modality/modality';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { DISTANCE_UNIT, MOST_DISTANCE } from '@ogong/protocol/modality/text/stage2/picture-rows';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { text } from '@ogong/protocol/modality/text/text';
import type { CommittedReply } from '@ogong/provider/modality/order-job';
import { commitReply } from '@ogong/provider/modality/text/commit-reply';
import { openTextJob } from '@ogong/provider/modality/text/score-text';
import { listFailed } from '../path-consumer.ts';
import { createBlobLink } from '../trajectory/blob-link.ts';
import { answerHonestly, type VisionAttack, type VisionMeans, type VisionOrder } from './attack.ts';

/** One reply of an attack, checked by the functions of gateway, validator and verifiers, without sockets. */
export interface VisionTrial {
  /** Text of the answer. */
  readonly text: string;
  /** Ids of the checks of the gateway that failed. */
  readonly gateway: readonly string[];
  /** Ids of the checks of a validator that failed, `blob-withheld` and `blob-wrong-chunk` among them. Empty if the gateway refuses. */
  readonly validator: readonly string[];
  /** An audit by each verifier; none for a refused reply. */
  readonly audits: readonly VisionAudit[];
}

export interface VisionAudit {
  readonly outcome: Outcome;
  readonly failed: readonly string[];
  /** Distance of the committed rows from the verifier's own, relative L2. Undefined if their numbers differ. */
  readonly distance: number | undefined;
}

export interface VisionTrialOptions {
  readonly means: VisionMeans;
  readonly verifiers: readonly TextEngine[];
  /** Nonce, reply id and the job follow from it. */
  readonly number: number;
  readonly question: string;
  /** The picture, then a second one for attacks on two, then that of an earlier order. */
  readonly files: readonly [Uint8Array, Uint8Array, Uint8Array];
}

const MODEL_ID = 'ogong/verified/test/lab';
const OUTPUT_TOKENS = 12;
const signal = new AbortController().signal;
const signer = createNodeHybridSigner(new Uint8Array(64).fill(51));
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(52) };
const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const beacon = { value: fill(32, 53), previous: fill(32, 54) };
const numbered = (label: number, number: number): Uint8Array =>
  crypto.sha256(createWriter().u32(label).u32(number).finish());

/** A provider that serves what it sells. */
export const HONEST_VISION: Pick<VisionAttack, 'answer'> = { answer: ({ sold }, order) => answerHonestly(sold, order) };

export async function playVision(
  { answer, pictures = 1, delivers }: Pick<VisionAttack, 'answer' | 'pictures' | 'delivers'>,
  { means, verifiers, number, question, files }: VisionTrialOptions,
): Promise<VisionTrial> {
  const shown = files.slice(0, pictures);
  const { body, media } = encodeQuestion(question, shown);
  const { modelRoot, contextSize } = means.sold.info();
  const order = createOrder(body, { modelRoot, contextSize, number });
  const { body: textBody } = encodeQuestion(question, []);
  const asked: VisionOrder = { order, body, beacon, media, files: shown, textBody, earlierFile: files[2] };
  const answered = await answer(means, asked);
  const committed = commitReply(crypto, signer, { ...answered, startMs: 0, endMs: 1 });
  const found = { text: answered.text, gateway: checkAtGateway(committed, asked), validator: [], audits: [] };
  if (found.gateway.length > 0) return found;
  const opened = await openAtValidator(committed, { order, delivers });
  if (!('reply' in opened)) return { ...found, validator: opened.refused };
  const job = { body, media: [...media.values()], number, reply: opened.reply };
  const audits: VisionAudit[] = [];
  for (const verifier of verifiers) audits.push(await audit(job, verifier));
  return { ...found, audits };
}

function encodeQuestion(question: string, files: readonly Uint8Array[]) {
  const pictures = files.map((file) => ({
    type: 'image_url',
    image_url: { url: `data:image/png;base64,${toBase64(file)}` },
  }));
  const messages = [{ role: 'user', content: [...pictures, { type: 'text', text: question }] }];
  return detachMedia(crypto, utf8Encode(JSON.stringify({ model: MODEL_ID, max_tokens: OUTPUT_TOKENS, messages })));
}

function createOrder(
  body: Uint8Array,
  {
    modelRoot,
    contextSize,
    number,
  }: { readonly modelRoot: Uint8Array; readonly contextSize: number; readonly number: number },
): NamedOrder {
  return nameOrder(crypto, ledger, {
    ...{ payer: fill(20, 1), validator: fill(20, 2), payee: fill(20, 3), router: fill(20, 4), providerId: fill(32, 5) },
    ...{ modelRoot, requestHash: hashRequest(crypto, 'chat', body), nonce: numbered(1, number), choice: 0 },
    ...{ cumulativeAtomic: 10n ** 12n, maxFeeAtomic: 10n ** 12n, pricePer1kAtomic: 1000n, contextSize },
    ...{ epoch: 1n, expiresAtMs: 1_700_000_000_000n },
  });
}

/** Runs stage 1 without the rows, as a gateway does. */
function checkAtGateway(
  { record, opening, response }: CommittedReply,
  { order, body }: Pick<VisionOrder, 'order' | 'body'>,
): string[] {
  const reply = text.replay(crypto, parseRecordV2(record), parseOpening(opening));
  const request = text.parseRequest(body, 'chat');
  const inHeader =
    reply.header === undefined
      ? []
      : text.checkHeader(crypto, reply.header as Header, { order, request, response, beacon, mayBeCancelled: false });
  return listFailed([...reply.checks, ...inHeader]);
}

type Opened = { readonly refused: readonly string[] } | { readonly reply: ReplayedReply };

/** Fetches the rows and runs stage 1 with them, as a validator does before an audit. */
async function openAtValidator(
  { record, opening: openingBytes, blobs = [] }: CommittedReply,
  { order, delivers }: Pick<VisionOrder, 'order'> & Pick<VisionAttack, 'delivers'>,
): Promise<Opened> {
  const opening = parseOpening(openingBytes);
  const link = createBlobLink(blobs, { blind: opening.blind, delivers });
  const held = new Map<string, Uint8Array>();
  try {
    for (const ref of text.listJobBlobs(opening)) {
      const wanted = { replyId: order.replyId, ref, blind: opening.blind };
      const limits = { crypto, maxBytes: MAX_ROWS_BYTES, timeoutMs: 10_000 };
      held.set(toHex(ref.root), await fetchBlob(link, wanted, limits));
    }
  } catch (error) {
    if (!(error instanceof BlobError)) throw error;
    return { refused: [`blob-${error.code}`] };
  }
  const reply = text.replay(crypto, parseRecordV2(record), opening, { blobs: (root) => held.get(toHex(root)) });
  const refused = listFailed(reply.checks);
  return refused.length > 0 ? { refused } : { reply };
}

/** Encodes the pictures and scores the text on the committed rows, and weighs the report. */
async function audit(
  {
    body,
    media,
    number,
    reply,
  }: {
    readonly body: Uint8Array;
    readonly media: Uint8Array[];
    readonly number: number;
    readonly reply: ReplayedReply;
  },
  engine: TextEngine,
): Promise<VisionAudit> {
  const draw = numbered(2, number);
  const jobId = fill(16, 6);
  const blobs = [...(reply.makeJobBlobs?.(draw) ?? [])];
  const message = { jobId, request: body, timeoutMs: 0, media, blobs, ...reply.describeJob('chat', draw) };
  const bytes = await openTextJob(message, { engine, crypto }).score(signal);
  const read = reply.readReport(bytes, { jobId, draw, contextSize: engine.info().contextSize });
  if ('problem' in read) throw new Error(read.problem);
  const { outcome, checks } = read.weigh({});
  const { pictureDistance } = parseScoreReport(bytes);
  const distance = pictureDistance === MOST_DISTANCE ? undefined : pictureDistance * DISTANCE_UNIT;
  return { outcome, failed: listFailed(checks), distance };
}
