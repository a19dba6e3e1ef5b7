import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Refusal } from '@ogong/host/link/link-error';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import type { LedgerDomain, NamedOrder } from '@ogong/protocol/exchange/order';
import { FinishedSchema, type GenerateRequest, SealedMessageSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { SealError } from '@ogong/protocol/sealing/seal-error';
import { createReplySealer, type ReplySealer } from '@ogong/protocol/sealing/sealed-reply';
import { openRequest } from '@ogong/protocol/sealing/sealed-request';
import type { OpenedMessage, ReplyEvent } from '../../modality/order-job.ts';
import type { SealKeys } from './seal-keys.ts';

const NOTHING: Uint8Array = new Uint8Array();

export const openPlain = ({ endpoint, request: body, cacheScope }: GenerateRequest): OpenedMessage => ({
  endpoint,
  body,
  cacheScope,
});

/** @throws Refusal; `unsupported` if the consumer has to fetch a new seal key. */
export function openMessage(
  {
    crypto,
    seal,
    sealKeys,
    ledger,
    id: providerId,
  }: {
    readonly crypto: Crypto;
    readonly seal: SealPrimitives;
    readonly sealKeys: Pick<SealKeys, 'find'>;
    readonly ledger: LedgerDomain;
    readonly id: Uint8Array;
  },
  message: GenerateRequest,
  { replyId, requestHash }: Pick<NamedOrder, 'replyId' | 'requestHash'>,
): OpenedMessage {
  const { sealed: envelope, request, endpoint, cacheScope } = message;
  if (envelope.length === 0) return openPlain(message);
  // An intermediary could add fields that are not sealed.
  if (request.length > 0 || endpoint !== '' || cacheScope.length > 0) {
    throw new Refusal('invalid', 'a sealed request comes with nothing beside it');
  }
  try {
    const exchange = { ledger, providerId, replyId, requestHash };
    const opened = openRequest({ crypto, seal }, { exchange, envelope, findKey: sealKeys.find });
    const { replyKey, ...inner } = opened.inner;
    const sealer = createReplySealer({ seal }, { secret: opened.reply, replyKey });
    return { ...inner, sealer, mediaSeal: opened.media };
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    const code = error.code === 'unknown-key' ? 'unsupported' : 'invalid';
    throw new Refusal(code, `the sealed request does not open: ${error.message}`);
  }
}

/**
 * Seals events on their way out: texts and openings go into units. Only the fields that an intermediary needs to be paid by the
 * token stay plain: counts, record and header.
 */
export function createEventSealer(
  sealer: ReplySealer,
): (event: ReplyEvent, opening: Uint8Array) => readonly ReplyEvent[] {
  let hasHead = false;
  const seal = (message: MessageInitShape<typeof SealedMessageSchema>, isLast: boolean): ReplyEvent[] =>
    sealer.seal(toBinary(SealedMessageSchema, create(SealedMessageSchema, message)), { isLast }).map((unit) => {
      const head = hasHead ? NOTHING : sealer.head;
      hasHead = true;
      return { event: { case: 'sealed', value: { head, unit } } };
    });
  return ({ event }, opening) => {
    if (event?.case === 'delta') return seal({ message: { case: 'delta', value: event.value } }, false);
    if (event?.case === 'milestone') return seal({ message: { case: 'milestone', value: event.value } }, false);
    if (event?.case === 'step') return seal({ message: { case: 'step', value: event.value } }, false);
    if (event?.case !== 'finished') return [{ event } as ReplyEvent];
    const { text, response, ...shown } = create(FinishedSchema, event.value);
    const end = seal({ message: { case: 'end', value: { text, response, opening } } }, true);
    return [...end, { event: { case: 'finished', value: { ...shown, text: '', response: NOTHING } } }];
  };
}
