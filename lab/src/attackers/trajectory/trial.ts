import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { readSourcePicture } from '@ogong/engine/pixels/source-picture';
import { BlobError } from '@ogong/host/blob/blob-error';
import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createWriter, toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check, Outcome } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { type NamedOrder, nameOrder } from '@ogong/protocol/exchange/order';
import { detachMedia } from '@ogong/protocol/modality/media/detach-media';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import type { ReplayedReply } from '@ogong/protocol/modality/modality';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import type { DriftTable } from '@ogong/protocol/modality/text/drift/drift-table';
import { computeDrawKey } from '@ogong/protocol/modality/text/sampling/draw-key';
import { countLatentValues, type TrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import { parseStepLeaves, type StepLeaf } from '@ogong/protocol/modality/trajectory/leaf';
import { createLatentNoise } from '@ogong/protocol/modality/trajectory/noise';
import { computeProjectionDistance } from '@ogong/protocol/modality/trajectory/projection';
import { parseTrajectoryReport } from '@ogong/protocol/modality/trajectory/report';
import type { PictureRequest } from '@ogong/protocol/modality/trajectory/request';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { chooseDrawKey } from '@ogong/provider/modality/draw-keys';
import type { CommittedReply } from '@ogong/provider/modality/order-job';
import { commitPicture } from '@ogong/provider/modality/trajectory/commit-picture';
import { listFacts, resolveChoices } from '@ogong/provider/modality/trajectory/picture-choices';
import { readSource } from '@ogong/provider/modality/trajectory/read-source';
import { openPictureJob } from '@ogong/provider/modality/trajectory/score-picture';
import { readVisionExamples } from '@ogong/testing/models/vision-folder';
import { listFailed } from '../path-consumer.ts';
import { makeHonestly, type PictureAttack, type PictureMeans } from './attack.ts';
import { createBlobLink } from './blob-link.ts';
import { encodeMask } from './mask-file.ts';

/** One reply of an attack, checked by the functions of gateway, validator and verifiers, without sockets. */
export interface PictureTrial {
  /** Ids of the checks of the gateway that failed, `blob-withheld` and `blob-wrong-chunk` among them. */
  readonly refused: readonly string[];
  /** An audit by each verifier; none if the gateway refuses the reply, because a validator refuses it by the same checks. */
  readonly audits: readonly PictureAudit[];
}

export interface PictureAudit {
  readonly outcome: Outcome;
  /** The outcome by the limits of a drift table; undefined without a table. */
  readonly measured: Outcome | undefined;
  readonly failed: readonly string[];
  /** The largest distance of an audited output from the verifier's, and that of the picture. Undefined if a fact differs. */
  readonly distances: { readonly output: number; readonly pixels: number } | undefined;
}

export interface PictureTrialOptions {
  readonly means: PictureMeans;
  readonly verifiers: readonly TrajectoryEngine[];
  /** Nonce, reply id and the beacon of the audit follow from it. */
  readonly number: number;
  readonly prompt: string;
  readonly steps: number;
  /** A drift table, by which the audits are weighed once more. */
  readonly table?: DriftTable | undefined;
}

const MODEL_ID = 'ogong/verified/test/lab';
const GUIDANCE = 3;
const signal = new AbortController().signal;
const signer = createNodeHybridSigner(new Uint8Array(64).fill(41));
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(42) };
const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const beacon = { value: fill(32, 43), previous: fill(32, 44) };
const numbered = (label: number, number: number): Uint8Array =>
  crypto.sha256(createWriter().u32(label).u32(number).finish());

/** A provider that serves what it sells. */
export const HONEST_PICTURE: Pick<PictureAttack, 'make'> = { make: ({ sold }, order) => makeHonestly(sold, order) };

export async function playPicture(
  attack: Omit<PictureAttack, 'name' | 'aim' | 'caughtBy'>,
  { means, verifiers, number, prompt, steps, table }: PictureTrialOptions,
): Promise<PictureTrial> {
  const guidance = attack.leavesGuidance ? {} : { guidance: GUIDANCE };
  const sold = means.sold.info();
  const { changes } = attack;
  const change = changes && encodeChange(changes, number, sold.size.width);
  const written = utf8Encode(
    JSON.stringify({ model: MODEL_ID, prompt, steps, ...guidance, ...attack.fields, ...change }),
  );
  const { body, media } = detachMedia(crypto, written);
  const endpoint = changes ? 'image-edit' : 'image';
  const request = trajectory.parseRequest(body, endpoint);
  const order = createOrder(body, { modelRoot: sold.modelRoot, endpoint, number });
  const choices = resolveChoices(request, sold);
  const drawKey = chooseDrawKey(order, request, beacon.value);
  const count = countLatentValues(choices, listFacts(sold));
  const noise = createLatentNoise(crypto, computeDrawKey(crypto, drawKey), count);
  const earlierNoise = createLatentNoise(crypto, numbered(3, number), count);
  const input = await readSource(request, media, { size: choices, info: sold });
  const earlierPixels = await readSourcePicture(fileOf(number + 1), choices);
  const picture = await attack.make(means, { request, choices, noise, earlierNoise, input, earlierPixels });
  const info = (await attack.state?.(means)) ?? sold;
  const served = { order, request, body, info, beacon, drawKey, picture, startMs: 0, endMs: 1 };
  const committed = await commitPicture(crypto, signer, served);
  const opened = await check(committed, { order, request, delivers: attack.delivers });
  if (!('reply' in opened)) return { refused: opened.refused, audits: [] };
  const audits: PictureAudit[] = [];
  for (const verifier of verifiers)
    audits.push(await audit(opened.reply, verifier, { committed, request, body, media, number, table }));
  return { refused: [], audits };
}

/** Share of the schedule that changes a picture: a half, of which attackers take a half again. */
const STRENGTH = 0.5;
const examples = readVisionExamples();
const fileOf = (number: number): Uint8Array => (examples[number % examples.length] as (typeof examples)[number]).file;

/** Encodes the fields of a request that changes a picture. With a mask its left half is painted again. */
function encodeChange(changes: NonNullable<PictureAttack['changes']>, number: number, side: number): object {
  const toUrl = (file: Uint8Array): string => `data:image/png;base64,${toBase64(file)}`;
  const mask = changes === 'masked' ? { mask: toUrl(encodeMask(side, (column) => column < side / 2)) } : {};
  return { image: toUrl(fileOf(number)), strength: STRENGTH, ...mask };
}

function createOrder(
  body: Uint8Array,
  {
    modelRoot,
    endpoint,
    number,
  }: { readonly modelRoot: Uint8Array; readonly endpoint: string; readonly number: number },
): NamedOrder {
  return nameOrder(crypto, ledger, {
    ...{ payer: fill(20, 1), validator: fill(20, 2), payee: fill(20, 3), router: fill(20, 4), providerId: fill(32, 5) },
    ...{ modelRoot, requestHash: hashRequest(crypto, endpoint, body), nonce: numbered(1, number), choice: 0 },
    ...{ cumulativeAtomic: 10n ** 12n, maxFeeAtomic: 10n ** 12n, pricePer1kAtomic: 1000n, contextSize: 1 },
    ...{ epoch: 1n, expiresAtMs: 1_700_000_000_000n },
  });
}

type Checked = { readonly refused: readonly string[] } | { readonly reply: ReplayedReply };

/** Fetches the outputs and runs stage 1, as a gateway does. */
async function check(
  { record, opening: openingBytes, response, blobs = [] }: CommittedReply,
  {
    order,
    request,
    delivers,
  }: { readonly order: NamedOrder; readonly request: PictureRequest } & Pick<PictureAttack, 'delivers'>,
): Promise<Checked> {
  const opening = parseOpening(openingBytes);
  const link = createBlobLink(blobs, { blind: opening.blind, delivers });
  const held = new Map<string, Uint8Array>();
  try {
    for (const ref of trajectory.listReplayBlobs(opening)) {
      const wanted = { replyId: order.replyId, ref, blind: opening.blind };
      held.set(toHex(ref.root), await fetchBlob(link, wanted, { crypto, maxBytes: ref.bytes, timeoutMs: 10_000 }));
    }
  } catch (error) {
    if (!(error instanceof BlobError)) throw error;
    return { refused: [`blob-${error.code}`] };
  }
  const findBlob = (root: Uint8Array): Uint8Array | undefined => held.get(toHex(root));
  const reply = trajectory.replay(crypto, parseRecordV2(record), opening, { blobs: findBlob });
  const checks: readonly Check[] = [
    ...reply.checks,
    ...(reply.header === undefined
      ? []
      : trajectory.checkHeader(crypto, reply.header as TrajectoryHeader, {
          ...{ order, request, response, beacon, mayBeCancelled: false },
        })),
  ];
  const refused = listFailed(checks);
  return refused.length > 0 ? { refused } : { reply };
}

/** Runs the drawn steps and the decoding on a verifier, and weighs its report. */
async function audit(
  reply: ReplayedReply,
  engine: TrajectoryEngine,
  {
    committed,
    request: { endpoint },
    body,
    media,
    number,
    table,
  }: {
    readonly committed: CommittedReply;
    readonly request: PictureRequest;
    readonly body: Uint8Array;
    readonly media: RequestMedia;
  } & Pick<PictureTrialOptions, 'number' | 'table'>,
): Promise<PictureAudit> {
  const draw = numbered(2, number);
  const jobId = fill(16, 6);
  const inputs = { media: [...media.values()], blobs: [...(reply.makeJobBlobs?.(draw) ?? [])] };
  const message = { jobId, request: body, timeoutMs: 0, ...reply.describeJob(endpoint, draw), ...inputs };
  const bytes = await openPictureJob(message, { engine, crypto }).score(signal);
  const read = reply.readReport(bytes, { jobId, draw, contextSize: 0 });
  if ('problem' in read) throw new Error(read.problem);
  const { outcome, checks } = read.weigh({});
  const measured = table && read.weigh({ drift: { table } }).outcome;
  const failed = listFailed(checks);
  const isFact = failed.some((id) => FACTS.includes(id));
  return { outcome, measured, failed, distances: isFact ? undefined : measureDistances(reply, committed, bytes) };
}

const FACTS = ['prompt-tokens', 'model-facts', 'model-choices', 'mask'];

function measureDistances(
  reply: ReplayedReply,
  { opening }: Pick<CommittedReply, 'opening'>,
  bytes: Uint8Array,
): PictureAudit['distances'] {
  const report = parseTrajectoryReport(bytes);
  const leaves = parseStepLeaves(parseOpening(opening).windows).steps;
  const outputs = report.steps.map(({ step, projection }) =>
    computeProjectionDistance((leaves[step] as StepLeaf).projection, projection),
  );
  const { pixels } = reply.header as TrajectoryHeader;
  return { output: Math.max(...outputs), pixels: computeProjectionDistance(pixels, report.pixels) };
}
