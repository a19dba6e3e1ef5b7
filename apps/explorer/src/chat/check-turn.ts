import { concatBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { fail, pass } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { detachMedia } from '@ogong/protocol/modality/media/detach-media';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { checkShownAnswer, readShownMessage } from '@ogong/protocol/modality/text/stage1/shown-answer';
import { parseTrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import { isLocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { Receipt, Trust } from '@ogong/sdk';
import { followReply } from '../check/follow-reply.ts';
import { loadMachine } from '../check/load-machine.ts';
import { readNetworkTrust } from '../check/network-trust.ts';
import { checkReceiptFile, type DroppedReceipt, readDroppedFile } from '../check/receipt-file.ts';
import type { NetworkState } from '../data/store.ts';
import type { DrawnPicture } from '../pictures/drawn-picture.ts';

/** The page's findings about an answer. */
export interface CheckedTurn {
  readonly checks: readonly Check[];
  readonly replyId: string;
  /** Fee of the verdict, or of the receipt. */
  readonly feeAtomic: string | undefined;
  readonly fate: string;
  readonly verdict: string;
  /** The signed picture, if the page has shown none yet. */
  readonly picture?: DrawnPicture;
  /** Hash of the shown picture, hex. */
  readonly pictureHash?: string;
}

/** An answer that is a picture. */
export interface PictureAnswer {
  /** Undefined after a new start of the page, which keeps no picture. It then shows the signed one. */
  readonly picture: DrawnPicture | undefined;
  /** Hash of the picture that the page checked before, hex. */
  readonly hash: string | undefined;
}

export interface ShownTurn {
  /** The request as the page sent it, and the answer as it shows it. The gateway's copies of both do not count. */
  readonly body: string;
  readonly answer: string;
  readonly reasoning: string;
  readonly made?: PictureAnswer | undefined;
  readonly receiptText: string;
  /** Policy by which the machine of a sealed answer is checked, JSON. */
  readonly policy?: string | undefined;
}

/** @throws if the receipt cannot be read at all. */
export async function checkTurn(
  { body, receiptText, policy, ...said }: ShownTurn,
  state: NetworkState,
): Promise<CheckedTurn> {
  const dropped = readDroppedFile(new TextEncoder().encode(receiptText));
  if (dropped.kind !== 'receipt' || isLocalReceipt(dropped.receipt.receipt))
    throw new Error('this is no receipt of a network');
  const { receipt } = dropped.receipt;
  const file: DroppedReceipt = { ...dropped.receipt, request: new TextEncoder().encode(body) };
  const { reader, deployment, ledger, api } = state;
  const nowMs = Date.now();
  const trust: Trust =
    reader && deployment && ledger ? await readNetworkTrust(receipt, { reader, deployment, ledger }) : {};
  const order = nameOrder(crypto, receipt.ledger, parseOrder(receipt.order.bytes));
  const replyId = toHex(order.replyId);
  const isSettled = file.status?.state === 'settled';
  const followed = isSettled ? await follow(order.replyId, { api, reader, deployment, nowMs }) : {};
  const own = await checkReceiptFile(file, { trust, nowMs, ...followed });
  const machines = policy === undefined ? undefined : new TextEncoder().encode(policy);
  const { settlement } = trust;
  const { checks } = machines
    ? await (await loadMachine()).addMachine(own, receipt, { file: machines, nowMs, ...(settlement && { settlement }) })
    : own;
  const { made } = said;
  const signed = made && readSignedPicture(receipt, file);
  const shown = made ? checkPicture(made, signed) : checkShown(receipt, file, said);
  const pictureHash = made?.hash ?? (made?.picture && hashPicture(made.picture));
  const computed = /^(\d+) /.exec(
    checks.find(({ id, status }) => id === 'fee' && status === 'pass')?.detail ?? '',
  )?.[1];
  return {
    checks: [...checks, shown],
    replyId,
    feeAtomic: file.status?.fee_atomic ?? computed,
    fate: file.status?.state ?? 'answered',
    verdict: file.status?.verdict ?? '',
    ...(made && !made.picture && signed && { picture: signed }),
    ...(pictureHash !== undefined && { pictureHash }),
  };
}

/** Returns the body that orders and receipts of a written one name: its pictures stand in it by their hashes. @throws RequestError */
export const detachPictures = (written: string): string =>
  new TextDecoder().decode(detachMedia(crypto, new TextEncoder().encode(written)).body);

/** Reads the signed picture; undefined if the receipt has none. */
function readSignedPicture({ opening }: Receipt, { response: pixels }: DroppedReceipt): DrawnPicture | undefined {
  try {
    if ('url' in opening) return undefined;
    const { width, height } = parseTrajectoryHeader(parseOpening(opening.bytes).header).choices;
    return width * height * 3 === pixels.length ? { width, height, pixels } : undefined;
  } catch {
    // The checks say why.
    return undefined;
  }
}

/** Checks that the shown picture is the signed one, and was before the page started anew. */
function checkPicture({ picture, hash }: PictureAnswer, signed: DrawnPicture | undefined): Check {
  if (signed === undefined) return fail('answer', 'the receipt has no picture');
  const wanted = hashPicture(signed);
  const isSame = (hash ?? wanted) === wanted && (picture === undefined || hashPicture(picture) === wanted);
  return isSame
    ? pass('answer', 'the pixels that are shown are the signed ones')
    : fail('answer', 'another picture was shown than the signed one');
}

/** Hashes the pixels in rows of their length. */
const hashPicture = ({ width, height, pixels }: DrawnPicture): string =>
  toHex(crypto.sha256(concatBytes(new TextEncoder().encode(`${width}x${height} `), pixels)));

async function follow(
  replyId: Uint8Array,
  { api, ...where }: Pick<NetworkState, 'api'> & Parameters<typeof followReply>[2],
) {
  try {
    const { settled } = await followReply(replyId, await api.reply(toHex(replyId)), where);
    return { settled };
  } catch {
    // Then the check is missing, and the next look may find it.
    return {};
  }
}

/** Checks that the shown text is the signed one. */
function checkShown(
  { opening }: Receipt,
  { request, response }: DroppedReceipt,
  { answer, reasoning }: Pick<ShownTurn, 'answer' | 'reasoning'>,
): Check {
  try {
    if ('url' in opening) return fail('answer', 'the receipt is without its opening');
    const header = parseHeader(parseOpening(opening.bytes).header);
    return checkShownAnswer(
      header,
      { request: parseRequest(request, 'chat'), response },
      readShownMessage({ content: answer, reasoning_content: reasoning }),
    );
  } catch (error) {
    return fail('answer', (error as Error).message);
  }
}
