import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Peer } from '@ogong/host/link/link-pool';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeReplyId, encodeOrder, type NamedOrder, nameOrder } from '@ogong/protocol/exchange/order';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import {
  type Finished,
  type GenerateRequest,
  GenerateRequestSchema,
  ProviderService,
  RouterService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { askWhenFree } from '../../mesh-router.ts';
import type { LiveAccount, LiveNetwork } from './live-network.ts';

const ORDER_LIFE_MS = 100_000;
const ANY_PRICE = 1n << 62n;

export interface LiveOrder {
  readonly order: NamedOrder;
  readonly signed: { readonly order: Uint8Array; readonly signature: Uint8Array };
  readonly message: GenerateRequest;
  readonly provider: Peer;
}

export interface LiveOrderInput {
  readonly payer: LiveAccount;
  /** Account of the validator that handles it. */
  readonly validator: Uint8Array;
  /** Name of the provider that gets it. */
  readonly provider: string;
  readonly maxFeeAtomic: bigint;
  readonly cumulativeAtomic: bigint;
  /** Default: a new one. */
  readonly nonce?: Uint8Array;
  readonly text?: string;
}

/** An account with so much in its channel with a validator. */
export async function openPayer(
  network: LiveNetwork,
  name: string,
  { validator, channelAtomic }: { readonly validator: Uint8Array; readonly channelAtomic: bigint },
): Promise<LiveAccount> {
  const account = await network.openAccount(name, channelAtomic);
  await account.client.deposit(channelAtomic);
  await account.client.admit(validator, channelAtomic);
  return account;
}

/** The order that a gateway would send, with the ticket of the network's own router. */
export async function placeOrder(network: LiveNetwork, input: LiveOrderInput): Promise<LiveOrder> {
  const { ledger, modelId: model, links } = network;
  const { payer, validator, nonce = new Uint8Array(randomBytes(32)), text = 'Once upon a time' } = input;
  const body = { model, messages: [{ role: 'user', content: text }], max_tokens: 16, stream: true };
  const request = utf8Encode(JSON.stringify(body));
  const requestHash = hashRequest(crypto, 'chat', request);
  const replyId = computeReplyId(crypto, ledger, { payer: payer.address, validator, nonce });
  const wanted = network.member(input.provider).identity.keyHash;
  const exclude = network.providerIds.filter((id) => toHex(id) !== toHex(wanted));
  const asked = { model, maxPricePer1k: ANY_PRICE, exclude };
  const { certHash, endpoint } = network.router;
  const router = links.to(RouterService, { endpoint, certHash });
  const { ticket } = await askWhenFree(() => router.route({ ...asked, replyId }));
  if (ticket === undefined) throw new Error('the router gave no ticket: nothing was tried');
  // At once, so that tickets of these few addresses do not run out.
  await router.report({ replyId, providerId: wanted, outcome: 'ok', outputTokens: 0, durationMs: 1 });
  const { providerId, payee, modelRoot, contextSize, pricePer1kAtomic, ...rest } = parseTicket(ticket.ticket);
  const order = nameOrder(crypto, ledger, {
    ...{ payer: payer.address, validator, cumulativeAtomic: input.cumulativeAtomic, requestHash, nonce, modelRoot },
    ...{
      providerId,
      payee,
      router: rest.router,
      choice: 0,
      contextSize,
      maxFeeAtomic: input.maxFeeAtomic,
      pricePer1kAtomic,
    },
    ...{ epoch: (await network.latestBeacon()).epoch, expiresAtMs: BigInt(Date.now() + ORDER_LIFE_MS) },
  });
  const signed = { order: encodeOrder(order), signature: payer.signer.signDigest(order.orderHash) };
  return {
    ...{ order, signed },
    message: create(GenerateRequestSchema, { order: signed, ticket, request, endpoint: 'chat' }),
    provider: { endpoint: rest.providerEndpoint, certHash: rest.providerCertHash },
  };
}

/** Reads a reply to its end. @throws LinkError where the provider refuses it, but not for want of a free slot. */
export function buyReply({ links }: LiveNetwork, { message, provider }: LiveOrder): Promise<Finished> {
  return askWhenFree(async () => {
    let finished: Finished | undefined;
    for await (const { event } of links.to(ProviderService, provider).generate(message)) {
      if (event.case === 'finished') finished = event.value;
    }
    if (finished === undefined) throw new Error('the stream ended without a record');
    return finished;
  });
}

/** How a call ended: `done`, or what it was refused with. */
export const tell = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: Error) => error.message,
  );
