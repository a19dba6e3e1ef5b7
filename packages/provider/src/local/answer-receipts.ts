import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { Json } from '@ogong/host/openai/format';
import { toBase64, toHex } from '@ogong/protocol/base/bytes';
import { formatPath, GATEWAY_ROUTES, RECEIPT_HEADER, RECEIPT_INLINE } from '@ogong/protocol/http/routes';
import { listMediaReferences } from '@ogong/protocol/modality/media/detach-media';
import { mediaBytes } from '@ogong/protocol/modality/media/media';
import { toLocalReceiptJson } from '@ogong/protocol/stage1/local-receipt';
import { verifyLocalReceipt } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import type { KeptReply } from '../modality/local-reply.ts';
import type { LocalCall } from './local-model.ts';

/** The caller wants receipt and checks with the answer. */
const isInline = ({ req }: ApiContext): boolean => req.header(RECEIPT_HEADER) === RECEIPT_INLINE;

const pathOf = (id: string): string => formatPath(GATEWAY_ROUTES.receipt, { id });

/** Says where the receipt of this answer will be. */
export const nameReceipt = (answerId: string | undefined): Readonly<Record<string, string>> =>
  answerId === undefined ? {} : { [RECEIPT_HEADER]: pathOf(answerId) };

/** The field `ogong` of an answer, as a gateway has it: where its receipts are, and what they hold for who asks. */
export function toReceiptsField(
  context: ApiContext,
  call: LocalCall,
  {
    answerId,
    choices,
    first = 0,
  }: { readonly answerId: string | undefined; readonly choices: number; readonly first?: number },
): Json {
  if (answerId === undefined) return {};
  const kept = Array.from({ length: choices }, (_, i) => call.receipts.find(answerId, first + i) ?? []).flat();
  if (kept.length === 0) return {};
  const receipts = kept.map((reply) => ({
    reply_id: reply.replyId,
    url: pathOf(reply.replyId),
    ...(isInline(context) && { checks: check(call, reply), receipt: toLocalReceiptJson(reply.receipt) }),
  }));
  return { ogong: { receipts } };
}

/** Returns the same for an API whose answers have no place for it: only if the caller wants it. */
export const toInlineReceipt = (
  context: ApiContext,
  call: LocalCall,
  answerId: string | undefined,
  choices = 1,
): Json => (isInline(context) ? toReceiptsField(context, call, { answerId, choices }) : {});

/** GET /v1/receipts/:id. @throws ApiError if there is none. */
export function showReceipt(context: ApiContext, call: LocalCall): Response {
  const id = context.req.param('id') ?? '';
  const reply = call.receipts.find(id, Number(context.req.query('choice') ?? 0));
  if (reply === undefined) {
    const message = `There is no receipt ${id.slice(0, 100)}: the last answers have one, until the server stops.`;
    throw new ApiError('not_found', message, { param: 'id', publicCode: 'receipt_not_found' });
  }
  return context.json({
    ...toLocalReceiptJson(reply.receipt),
    reply_id: reply.replyId,
    checks: check(call, reply),
    request: Buffer.from(reply.request).toString('base64'),
    response: Buffer.from(reply.response).toString('base64'),
    ...showMedia(reply),
    ...showBlobs(reply, context.req.query('blobs') === '1'),
  });
}

/** Shows the pictures of a request, which a second run needs. Files of other requests have no such field. */
function showMedia({ request, media }: KeptReply): Json {
  if (media === undefined || media.size === 0) return {};
  return { media: listMediaReferences(request).map((reference) => toBase64(mediaBytes(reference, media))) };
}

/** Shows rows of pictures, which a second run needs. The outputs of a picture's steps are large, so a reader asks for them. */
function showBlobs({ media, blobs = [] }: KeptReply, isAsked: boolean): Json {
  if (blobs.length === 0 || !(isAsked || (media !== undefined && media.size > 0))) return {};
  return { blobs: Object.fromEntries(blobs.map(({ ref, bytes }) => [toHex(ref.root), toBase64(bytes)])) };
}

function check({ crypto, clock }: LocalCall, { receipt, request, response, blobs = [] }: KeptReply) {
  const kept = new Map(blobs.map(({ ref, bytes }) => [toHex(ref.root), bytes]));
  const nowMs = clock.nowMs();
  return verifyLocalReceipt(receipt, { crypto, request, response, nowMs, blobs: (root) => kept.get(toHex(root)) })
    .checks;
}
