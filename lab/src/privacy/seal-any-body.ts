import { fromBinary } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal as seal } from '@ogong/host/crypto/node-seal';
import { fromBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { type SealedPart, SealedPartSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeFramed, FRAMED_TYPE } from '@ogong/protocol/http/framed-body';
import { GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { verifySealKey } from '@ogong/protocol/sealing/seal-key';
import { readSealedMessage } from '@ogong/protocol/sealing/sealed-message';
import { openRefusal } from '@ogong/protocol/sealing/sealed-refusal';
import { createReplyOpener } from '@ogong/protocol/sealing/sealed-reply';
import { sealRequest } from '@ogong/protocol/sealing/sealed-request';
import { parseSealedOffer } from '@ogong/protocol/stage1/sealed-offer';

/** The gateway's answer to a sealed request that a provider refuses. */
export interface RefusedCall {
  /** The whole answer, as it came. */
  readonly answer: string;
  /** The opened reason of the provider. Undefined if there is none. */
  readonly words: string | undefined;
}

const NOTHING = new Uint8Array();

/** Seals any body to a provider of a model, without the checks that the client library makes of it. */
export async function sealAnyBody(
  gatewayUrl: string,
  { model, body }: { readonly model: string; readonly body: object },
): Promise<RefusedCall> {
  const bytes = utf8Encode(JSON.stringify(body));
  const requestHash = crypto.sha256(bytes);
  const asked = {
    ...{ endpoint: 'chat', model, request_hash: toHex(requestHash), nonce: toHex(seal.random(32)) },
    ...{ prompt_bound: 64, max_tokens: 16 },
  };
  const post = (path: string, content: Uint8Array, type: string): Promise<Response> =>
    fetch(`${gatewayUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: content as Uint8Array<ArrayBuffer>,
    });
  const answered = await post(GATEWAY_ROUTES.sealedOffer.path, utf8Encode(JSON.stringify(asked)), 'application/json');
  const given: unknown = await answered.json();
  if (!answered.ok) return { answer: JSON.stringify(given), words: undefined };
  const { ledger, ticket, sealKey } = parseSealedOffer(given);
  const { providerId, replyId } = parseTicket(ticket.bytes);
  const signed = { sealKey: sealKey.bytes, providerKey: sealKey.publicKey, signature: sealKey.signature };
  const to = verifySealKey(crypto, signed, { ledger, providerId, nowMs: Date.now() });
  const replyKey = seal.openKemKey(seal.random(32));
  const { envelope, reply: secret } = sealRequest(
    { crypto, seal },
    {
      exchange: { ledger, providerId, replyId, requestHash },
      ...{ to, inner: { endpoint: 'chat', cacheScope: NOTHING, replyKey: replyKey.publicKey, body: bytes } },
    },
  );
  const framed = encodeFramed({ reply_id: toHex(replyId) }, envelope);
  const answer = await (await post(GATEWAY_ROUTES.sealedReply.path, framed, FRAMED_TYPE)).text();
  const [, head = '', unit = ''] = /"head":"([^"]+)","unit":"([^"]+)"/.exec(answer) ?? [];
  const part = { ...fromBinary(SealedPartSchema, NOTHING), head: fromBase64(head), unit: fromBase64(unit) };
  const words = openRefusal(part, (sent: SealedPart) => {
    const opened = createReplyOpener({ seal }, { secret, replyKey, head: sent.head }).open(sent.unit);
    return opened && readSealedMessage(opened);
  });
  return { answer, words };
}
