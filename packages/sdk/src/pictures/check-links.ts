import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { parseTrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import {
  type ChainLink,
  checkChain,
  composeLinkBody,
  mayChain,
} from '@ogong/protocol/modality/trajectory/orders/chain';
import { parsePictureRequest } from '@ogong/protocol/modality/trajectory/request';
import type { CheckedReply, CheckOptions, GatewayAnswer } from '../check-answer.ts';
import { ReceiptError } from '../errors.ts';
import { fetchReply } from '../receipts.ts';

/** An entry of `ogong.receipts`. */
interface ListedLink {
  readonly reply_id?: unknown;
}

/** Groups the listed receipts by choice: a picture that was bought as a chain has a receipt for each link (docs/spec/trajectory.md#chains). */
export function groupLinks<T>(
  listed: readonly T[],
  { endpoint, choices }: Pick<GatewayAnswer, 'endpoint' | 'choices'>,
): (readonly T[])[] {
  const links = mayChain(endpoint) && listed.length % choices === 0 ? listed.length / choices : 1;
  return Array.from({ length: Math.ceil(listed.length / links) }, (_, i) => listed.slice(i * links, (i + 1) * links));
}

/**
 * Checks the links of one picture. The latents on the way come from the gateway, and the receipt of each link proves the one that it
 * answered. The requests of the links are composed here from the one that was sent.
 * @param checkOne checks the receipt of one reply.
 * @returns the reply of the last link, with those before it.
 * @throws ReceiptError `chain` if the links are not those of one picture.
 */
export async function checkLinks<T extends ListedLink>(
  entries: readonly T[],
  answer: GatewayAnswer,
  {
    options,
    checkOne,
  }: { readonly options: CheckOptions; readonly checkOne: (entry: T, answer: GatewayAnswer) => Promise<CheckedReply> },
): Promise<CheckedReply> {
  const { request, response: whole, responses } = answer;
  const refuse = (why: string, cause?: unknown): never => {
    throw new ReceiptError('chain', `chain: ${why}`, { response: whole, cause });
  };
  const { steps } = parsePictureRequest(request);
  if (steps === undefined) return refuse('several receipts of a picture whose request names no steps');
  const links: CheckedReply[] = [];
  let firstStep = 0;
  for (const entry of entries) {
    const before = links.at(-1);
    const latent = before && toReference(nobleCrypto, before.response);
    const isLast = entry === entries.at(-1);
    const fetched = isLast
      ? undefined
      : await readLink(entry, options).catch((cause) => refuse('a link cannot be read', cause));
    const lastStep = fetched?.lastStep ?? steps;
    const asked = composeLinkBody(request, { firstStep, lastStep, latent });
    // The order of the receipt says the choice.
    const shown = fetched && new Map([...responses.keys()].map((choice) => [choice, fetched.response]));
    links.push(await checkOne(entry, { ...answer, request: asked, responses: shown ?? responses }));
    firstStep = lastStep;
  }
  const last = links.at(-1) as CheckedReply;
  const check = checkChain(nobleCrypto, request, links.map(toChainLink));
  const isOfOne = new Set(links.map(({ choice }) => choice)).size === 1;
  if (check.status === 'fail') return refuse(check.detail);
  if (!isOfOne) return refuse('its links belong to several pictures');
  return { ...last, checks: [...last.checks, check], links: links.slice(0, -1) };
}

async function readLink(
  { reply_id: id }: ListedLink,
  options: CheckOptions,
): Promise<{ readonly lastStep: number | undefined; readonly response: Uint8Array }> {
  const { request, response } = await fetchReply({ ...options, id: String(id) });
  return { lastStep: parsePictureRequest(request).range?.lastStep, response };
}

function toChainLink({ receipt, request, response }: CheckedReply): ChainLink {
  const header = parseTrajectoryHeader(parseOpening((receipt.opening as { readonly bytes: Uint8Array }).bytes).header);
  return { request, header, modelRoot: parseRecordV2(receipt.record.bytes).modelRoot, response };
}
