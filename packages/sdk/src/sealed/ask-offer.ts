import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { type Check, isOk } from '@ogong/protocol/base/checks';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { TokenBound } from '@ogong/protocol/exchange/fee';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import type { RequestPreference } from '@ogong/protocol/modality/shared/preference-fields';
import { addRootInForce, type FindModelRoots } from '@ogong/protocol/stage1/published-root';
import { parseSealedOffer, type SealedOffer } from '@ogong/protocol/stage1/sealed-offer';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { MACHINE_CHECK } from '@ogong/protocol/tier/attestation';
import {
  type ClaimedMachine,
  type SealedOfferVerdict,
  verifySealedOffer,
} from '@ogong/protocol/verdict/receipt/verify-sealed-offer';
import { GatewayApiError, SealedCallError } from '../errors.ts';

/** A request for its provider's eyes only. */
export interface PrivateRequest {
  readonly request: CommonRequest & { readonly preference: RequestPreference };
  /** The most that it can take: the gateway learns this about its size. */
  readonly bounds: TokenBound & { readonly contextSize: number };
  /** Index among the requested answers. */
  readonly choice: number;
  /** These bytes are sealed, hashed and signed for. */
  readonly body: Uint8Array;
  /** The media that the body names. Default: none. */
  readonly media?: RequestMedia | undefined;
  /** Demands and preference of the body. */
  readonly ogong: Readonly<Record<string, unknown>> | undefined;
}

/** An offer that holds. */
export interface CheckedOffer extends NonNullable<SealedOfferVerdict['offered']> {
  readonly offer: SealedOffer;
  readonly requestHash: Uint8Array;
}

/** Checks a machine under the client's own policy. The first check that fails refuses the machine. */
export type CheckMachine = (machine: ClaimedMachine) => Promise<readonly Check[]>;

/** Posts JSON to the gateway, with bytes behind it, if any. @throws GatewayApiError */
export type PostJson = (path: string, body: object, signal?: AbortSignal, bytes?: Uint8Array) => Promise<Response>;

const NONCE_BYTES = 32;
/** Fields of `ogong` that the gateway needs: no text, and not the salt, which keeps the request's hash from telling anything. */
const SHOWN = [
  'exact',
  'model_root',
  'settle',
  'sort',
  'max_price',
  'min_stake',
  'tier',
  'accept',
  'providers',
  'attested',
];

/**
 * Has the gateway draw a provider for a request, by its hash and bounds, and checks the answer.
 * @throws SealedCallError if the gateway seals nothing, or its offer does not hold; GatewayApiError
 */
export async function askOffer(
  post: PostJson,
  { request, body, bounds, choice, ogong = {} }: PrivateRequest,
  {
    trust: given,
    findModelRoots,
    checkMachine,
    tried,
    signal,
  }: {
    readonly trust: Trust;
    readonly findModelRoots: FindModelRoots | undefined;
    readonly checkMachine: CheckMachine | undefined;
    readonly tried: readonly Uint8Array[];
    readonly signal: AbortSignal | undefined;
  },
): Promise<CheckedOffer> {
  const { endpoint, model, demands, preference } = request;
  const requestHash = hashReadRequest(crypto, request, body);
  // Fixed before anybody can know the drawn provider.
  const nonce = globalThis.crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const shown = Object.fromEntries(Object.entries(ogong).filter(([name]) => SHOWN.includes(name)));
  const { sort, maxPricePer1kAtomic, minHeldTokens, only, ignore } = preference;
  const message = {
    ...{ endpoint, model, request_hash: toHex(requestHash), nonce: toHex(nonce) },
    ...{ prompt_bound: bounds.promptTokens, max_tokens: bounds.outputTokens, choice },
    // Of several inputs the longest decides.
    ...(bounds.outputTokens === 0 && { context_bound: bounds.contextSize }),
    // The name of the model may contain it.
    ogong: { ...shown, ...(sort && { sort }) },
    ...(tried.length > 0 && { exclude: tried.map(toHex) }),
  };
  const response = await post(GATEWAY_ROUTES.sealedOffer.path, message, signal).catch((error: unknown) => {
    if (!(error instanceof GatewayApiError) || !isUnknownRoute(error)) throw error;
    throw new SealedCallError('unsupported', 'this gateway offers no sealed calls; nothing was sent', { cause: error });
  });
  const offer = await readOffer(response);
  const asked = {
    ...{ model, requestHash, nonce, modelRoot: demands.modelRoot, sort, maxPricePer1kAtomic, minHeldTokens, only },
    contextSize: bounds.contextSize,
    exclude: [...ignore, ...tried],
  };
  const trust = findModelRoots === undefined ? given : await addRoot(given, offer, findModelRoots);
  const verdict = verifySealedOffer(crypto, offer, { asked, trust, nowMs: Date.now() });
  const { checks, missing, ok, offered } = await addMachine(verdict, checkMachine);
  const failed = checks.find(({ status }) => status === 'fail');
  if (failed)
    throw new SealedCallError(failed.id, `the offer does not hold: ${failed.id}: ${failed.detail}`, { checks });
  if (!ok || offered === undefined) {
    const names = missing.join(', ');
    const why = `nothing was sealed, since this was not checked: ${names}. Give what they need in trust, or name them in allow`;
    throw new SealedCallError('unchecked', why, { checks });
  }
  return { ...offered, offer, requestHash };
}

/** Puts the findings about the machine in the place of the skipped check. */
async function addMachine(
  verdict: SealedOfferVerdict,
  checkMachine: CheckMachine | undefined,
): Promise<SealedOfferVerdict> {
  const machine = verdict.offered?.machine;
  if (machine === undefined || checkMachine === undefined || !isOk(verdict.checks)) return verdict;
  const [found] = await checkMachine(machine);
  if (found === undefined || found.status === 'skip') return verdict;
  const checks = verdict.checks.map((one) => (one.id === MACHINE_CHECK ? { ...found, id: MACHINE_CHECK } : one));
  const missing = verdict.missing.filter((id) => id !== MACHINE_CHECK);
  return { ...verdict, checks, missing, ok: isOk(checks) && missing.length === 0 };
}

async function addRoot(trust: Trust, { ticket }: SealedOffer, find: FindModelRoots): Promise<Trust> {
  try {
    const { modelId, modelRoot } = parseTicket(ticket.bytes);
    return await addRootInForce(trust, { modelId, modelRoot, span: computeSpanAround(Date.now()) }, find);
  } catch (error) {
    // The checks will say so.
    if (error instanceof ProtocolError) return trust;
    throw error;
  }
}

/** Reports the outcome of the reply to the gateway, which sees nothing else of it. A failed report does not change the answer. */
export async function tellOutcome(
  post: PostJson,
  replyId: string,
  outcome: object,
  sealed?: Uint8Array,
): Promise<void> {
  const path = formatPath(GATEWAY_ROUTES.sealedOutcome, { id: replyId });
  await post(path, outcome, undefined, sealed).catch(() => undefined);
}

/** Returns demands and preference of a body. */
export const readOgong = (body: Uint8Array): PrivateRequest['ogong'] =>
  (JSON.parse(new TextDecoder().decode(body)) as { readonly ogong?: Record<string, unknown> }).ogong;

/** A gateway of another kind, or of before. */
const isUnknownRoute = ({ status, code }: GatewayApiError): boolean =>
  status === 404 || status === 405 || status === 501 ? code !== 'model_not_found' : false;

/** @throws SealedCallError */
async function readOffer(response: Response): Promise<SealedOffer> {
  try {
    return parseSealedOffer(await response.json());
  } catch (cause) {
    throw new SealedCallError('unsupported', 'the gateway answered with no offer; nothing was sent', { cause });
  }
}
