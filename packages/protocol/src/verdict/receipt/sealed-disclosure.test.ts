import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { createTestSealTools, EXCHANGE } from '@ogong/testing/protocol/exchange-fixture';
import { rememberCrypto } from '@ogong/testing/protocol/remembered-crypto';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { expect, it } from 'vitest';
import { utf8Decode } from '../../base/bytes.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '../../crypto/noble.ts';
import { SealedMessageSchema } from '../../generated/ogong/v1/ogong_pb.ts';
import { createReplyOpener, createReplySealer } from '../../sealing/sealed-reply.ts';
import { sealRequest } from '../../sealing/sealed-request.ts';
import { verifyDisclosure } from './sealed-disclosure.ts';

const { seal } = createTestSealTools();
const tools = { crypto: rememberCrypto(nobleCrypto), seal };
const reply = createSyntheticReply({
  crypto: tools.crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: EXCHANGE.ledger,
  tokens: 4,
});

type Message = Exclude<MessageInitShape<typeof SealedMessageSchema>['message'], undefined>;

/** Seals with the secrets of the reply, which its provider and its client have. */
function disclose(...messages: readonly Message[]) {
  const [provider, client] = [seal.openKemKey(seal.random(32)), seal.openKemKey(seal.random(32))];
  const to = { hash: seal.random(32), key: provider.publicKey };
  const inner = { endpoint: 'chat', cacheScope: seal.random(32), replyKey: client.publicKey, body: reply.request };
  const { reply: secret } = sealRequest(tools, { exchange: EXCHANGE, to, inner });
  const sealer = createReplySealer({ seal }, { secret, replyKey: client.publicKey });
  const units = messages.flatMap((message, i) =>
    sealer.seal(toBinary(SealedMessageSchema, create(SealedMessageSchema, { message })), {
      isLast: i === messages.length - 1,
    }),
  );
  const { exporterSecret } = createReplyOpener({ seal }, { secret, replyKey: client, head: sealer.head });
  const disclosure = { replyId: reply.record.replyId, exporterSecret, head: sealer.head, units };
  return verifyDisclosure(tools, disclosure, reply.record).checks.map(({ id, status }) => `${status} ${id}`);
}

const delta = (text: string): Message => ({ case: 'delta', value: { text } });
const end = (response: Uint8Array = new Uint8Array()): Message => ({
  case: 'end',
  value: { response, opening: reply.openingBytes },
});
const opened = ['pass exporter-secret', 'pass sealed-units'];

it('proves the text that its record signs', () => {
  const text = utf8Decode(reply.response);
  expect(disclose(delta(text.slice(0, 5)), delta(text.slice(5)), end())).toEqual([...opened, 'pass sealed-record']);
});

it('proves no other text, beside any response', () => {
  for (const forged of [
    [delta('nobody signed this'), end()],
    [delta('nobody signed this'), end(reply.response)],
    // Nor a response that is not shown.
    [end(reply.response)],
  ])
    expect(disclose(...forged)).toEqual([...opened, 'fail sealed-record']);
});
