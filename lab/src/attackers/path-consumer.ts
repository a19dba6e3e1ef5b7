import { create } from '@bufbuild/protobuf';
import { BlobError } from '@ogong/host/blob/blob-error';
import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { MAX_REPLAY_BYTES } from '@ogong/protocol/exchange/limits';
import { encodeOrder, type NamedOrder, nameOrder } from '@ogong/protocol/exchange/order';
import { signTicket } from '@ogong/protocol/exchange/ticket';
import {
  type Finished,
  type GenerateRequest,
  GenerateRequestSchema,
  ProviderService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { FindBlob } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { ledger, network, payer } from '@ogong/testing/validator/test-bench';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';

export const MODEL_ID = 'ogong/verified/test/fake';
export const PRICE = 2_000_000n;
const MAX_FEE = 10_000_000n;
const ORDER_LIFE_MS = 120_000;
/** Real time: long enough for a busy machine. */
const OPENING_MS = 3_000;
const routerKey = createTestHybrid('router');
const seedOf = (text: string): Uint8Array => crypto.sha256(utf8Encode(text));

/** Ids of the checks that failed. */
export const listFailed = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

export interface OrderParts {
  /** Counts one payer's orders from 1. Nonce and voucher follow from it. */
  readonly number: number;
  readonly providerId: Uint8Array;
  readonly peer: { readonly endpoint: string; readonly certHash: Uint8Array };
  readonly payee: Uint8Array;
  readonly validator: Uint8Array;
  readonly epoch: bigint;
  readonly info: { readonly modelRoot: Uint8Array; readonly contextSize: number };
  /** Endpoint of the request. Default: chat. */
  readonly endpoint?: string;
  readonly nowMs: number;
}

export interface PlacedOrder {
  readonly order: NamedOrder;
  readonly signed: { readonly order: Uint8Array; readonly signature: Uint8Array };
  readonly ticket: ReturnType<typeof signTicket>;
  readonly message: GenerateRequest;
}

/** The order that a gateway sends, with a router's ticket for this provider. */
export function createOrder(
  request: object,
  { number, peer, info, nowMs, endpoint = 'chat', ...parts }: OrderParts,
): PlacedOrder {
  const body = utf8Encode(JSON.stringify({ model: MODEL_ID, ...request }));
  const { providerId, payee, validator, epoch } = parts;
  const shared = {
    ...{ providerId, payee, modelRoot: info.modelRoot, contextSize: info.contextSize, pricePer1kAtomic: PRICE },
    requestHash: hashRequest(crypto, endpoint, body),
    router: new Uint8Array(20).fill(5),
  };
  const order = nameOrder(crypto, ledger, {
    ...shared,
    payer: payer.address,
    validator,
    cumulativeAtomic: MAX_FEE * BigInt(number),
    nonce: seedOf(`nonce ${number}`),
    choice: 0,
    maxFeeAtomic: MAX_FEE,
    epoch,
    expiresAtMs: BigInt(nowMs + ORDER_LIFE_MS),
  });
  const ticket = signTicket(routerKey, {
    ...shared,
    replyId: order.replyId,
    modelId: MODEL_ID,
    providerEndpoint: peer.endpoint,
    providerCertHash: peer.certHash,
    candidatesHash: new Uint8Array(32).fill(6),
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + ORDER_LIFE_MS,
  });
  const signed = { order: encodeOrder(order), signature: payer.signDigest(order.orderHash) };
  const message = create(GenerateRequestSchema, { order: signed, ticket, request: body, endpoint });
  return { order, signed, ticket, message };
}

/** A consumer's view of a reply. */
export interface ConsumedReply {
  /** Undefined if no record came. */
  readonly header: CommonHeader | undefined;
  /** Checks of its receipt; empty if the provider gave it no opening. */
  readonly receipt: readonly Check[];
  /** Why it refuses the reply: ids of failed checks, `abandoned` without a record, `opening` without an opening, `blob` without its values. */
  readonly refused: readonly string[];
}

export const toProvider = (links: LinkPool, peer: Peer) => links.to(ProviderService, peer);
type ProviderClient = ReturnType<typeof toProvider>;

export interface ConsumeContext {
  readonly provider: ProviderClient;
  /** The certificate of the order's epoch; undefined at genesis. */
  readonly certificate: Uint8Array | undefined;
  readonly nowMs: number;
}

/** Reads a reply to its end and checks its receipt, as a gateway does with every one. */
export async function consume(
  { order, signed, ticket, message }: PlacedOrder,
  { provider, certificate, nowMs }: ConsumeContext,
): Promise<ConsumedReply> {
  let text = '';
  let finished: Finished | undefined;
  try {
    for await (const { event } of provider.generate(message)) {
      if (event.case === 'delta') text += event.value.text;
      else if (event.case === 'finished') finished = event.value;
    }
  } catch (error) {
    // The only refusal that may end a stream here is "too busy". Anything else is a bug.
    if (!(error instanceof LinkError) || error.refusal !== 'unavailable') throw error;
  }
  if (finished?.record === undefined || finished.admission === undefined)
    return { header: undefined, receipt: [], refused: ['abandoned'] };
  const { endpoint } = message;
  const header = findModality(endpoint).parseHeader(finished.header);
  const opening = await fetchOpening(provider, order.replyId);
  if (opening === undefined) return { header, receipt: [], refused: ['opening'] };
  const blobs = await fetchBlobs(provider, { replyId: order.replyId, endpoint, opening });
  if (blobs === undefined) return { header, receipt: [], refused: ['blob'] };
  const { record, providerKey, signature } = finished.record;
  const { checks } = await verifyReceipt(
    {
      endpoint,
      ledger,
      order: { bytes: signed.order, signature: signed.signature },
      ticket: { bytes: ticket.ticket, publicKey: ticket.routerKey, signature: ticket.signature },
      admission: finished.admission,
      record: { bytes: record, publicKey: providerKey, signature },
      beacon: certificate ?? new Uint8Array(0),
      opening: { bytes: opening },
    },
    {
      crypto,
      blobs,
      request: message.request,
      response: finished.response.length > 0 ? finished.response : utf8Encode(text),
      // Without validators, because the beacon certificate of this test is made up.
      trust: { ledger, settlement: network.settlement, modelRoots: { [MODEL_ID]: order.modelRoot } },
      nowMs,
    },
  );
  return { header, receipt: checks, refused: listFailed(checks) };
}

async function fetchOpening(
  provider: ConsumeContext['provider'],
  replyId: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    return (await provider.getOpening({ replyId }, { timeoutMs: OPENING_MS })).opening;
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    return undefined;
  }
}

/** Fetches the blobs that stage 1 reads. @returns undefined if the provider does not deliver one of them. */
async function fetchBlobs(
  provider: ConsumeContext['provider'],
  {
    replyId,
    endpoint,
    opening: bytes,
  }: { readonly replyId: Uint8Array; readonly endpoint: string; readonly opening: Uint8Array },
): Promise<FindBlob | undefined> {
  const opening = parseOpening(bytes);
  const held = new Map<string, Uint8Array>();
  try {
    for (const ref of findModality(endpoint).listReplayBlobs?.(opening) ?? []) {
      const wanted = { replyId, ref, blind: opening.blind };
      const limits = { crypto, maxBytes: MAX_REPLAY_BYTES, timeoutMs: OPENING_MS };
      held.set(toHex(ref.root), await fetchBlob(provider, wanted, limits));
    }
  } catch (error) {
    if (!(error instanceof BlobError)) throw error;
    return undefined;
  }
  return (root) => held.get(toHex(root));
}
