import { once } from 'node:events';
import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal as seal } from '@ogong/host/crypto/node-seal';
import { closeError, Refusal } from '@ogong/host/link/link-error';
import { systemClock } from '@ogong/host/time/clock';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { type LedgerDomain, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { type GenerateRequest, GenerateRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { SignedSealKey } from '@ogong/protocol/sealing/seal-key';
import { sealRefusal } from '@ogong/protocol/sealing/sealed-refusal';
import type { OpenedMessage, ReplyEvent } from '@ogong/provider/modality/order-job';
import { createSealKeys } from '@ogong/provider/provider/orders/seal-keys';
import { createEventSealer, openMessage } from '@ogong/provider/provider/orders/sealed-order';

/** Seals the answers of a fake provider with the code of a real one. */
export interface FakeSealing {
  /** @throws Refusal if the provider seals nothing. */
  show(seals: boolean | undefined): SignedSealKey;
  /** Opens a sealed request and seals its answer. Any other request passes unchanged. */
  pass(
    request: GenerateRequest,
    openings: ReadonlyMap<string, Uint8Array>,
    answer: (plain: GenerateRequest) => AsyncIterable<ReplyEvent>,
    /** Asks for the media of a request first. Default: it names none. */
    takeMedia?: TakeMedia,
  ): AsyncGenerator<ReplyEvent>;
}

export type TakeMedia = (asked: {
  readonly replyId: Uint8Array;
  readonly body: Uint8Array;
  readonly mediaSeal?: OpenedMessage['mediaSeal'];
}) => AsyncIterable<ReplyEvent>;

export function createFakeSealing({
  signer,
  ledger,
  id,
}: {
  readonly signer: HybridSigner;
  readonly ledger: LedgerDomain;
  readonly id: Uint8Array;
}): FakeSealing {
  const sealKeys = createSealKeys({ crypto, seal, signer, clock: systemClock, ledger, providerId: id });
  return {
    show(seals) {
      if (seals !== true) throw new Refusal('unsupported', 'this provider seals nothing');
      return sealKeys.current();
    },
    async *pass(request, openings, answer, takeMedia = async function* () {}) {
      const order = nameOrder(crypto, ledger, parseOrder(request.order?.order as Uint8Array));
      const { replyId } = order;
      if (request.sealed.length === 0) {
        yield* takeMedia({ replyId, body: request.request });
        return yield* answer(request);
      }
      const { sealer, body, mediaSeal, ...inner } = openMessage({ crypto, seal, sealKeys, ledger, id }, request, order);
      if (sealer === undefined) throw new Error('a sealed request has a reply that is sealed');
      yield* takeMedia({ replyId, body, mediaSeal });
      const sealEvent = createEventSealer(sealer);
      const { order: signed, ticket, milestones } = request;
      const plain = {
        ...inner,
        milestones,
        request: body,
        ...(signed && { order: signed }),
        ...(ticket && { ticket }),
      };
      try {
        for await (const event of answer(create(GenerateRequestSchema, plain))) {
          yield* sealEvent(event, openings.get(toHex(order.replyId)) ?? new Uint8Array());
        }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        throw closeError(error, { place: 'reply', seal: (words) => sealRefusal(sealer, words) });
      }
    },
  };
}

const SAID = 'for everybody to read';

/** Answers in plain, as a provider that ignores the seal. After a milestone it sends nothing and waits for its caller to leave. */
export async function* answerInPlain(isMilestone: boolean, left: AbortSignal): AsyncGenerator<ReplyEvent> {
  if (!isMilestone) yield { event: { case: 'delta', value: { text: SAID, tokens: [] } } };
  else {
    yield { event: { case: 'milestone', value: { header: utf8Encode(SAID) } } };
    if (!left.aborted) await once(left, 'abort');
  }
}
