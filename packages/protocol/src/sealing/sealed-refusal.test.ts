import { create, toBinary } from '@bufbuild/protobuf';
import { createTestSealTools, EXCHANGE } from '@ogong/testing/protocol/exchange-fixture';
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../base/bytes.ts';
import { SealedMessageSchema, type SealedPart } from '../generated/ogong/v1/ogong_pb.ts';
import { SEAL_SUITE, SEAL_SUITES, UNIT_SEAL_SUITE } from './seal-context.ts';
import { readSealedMessage } from './sealed-message.ts';
import { MAX_REFUSAL_BYTES, openRefusal, parseRefusalPart, sealRefusal } from './sealed-refusal.ts';
import { createReplyOpener, createReplySealer } from './sealed-reply.ts';
import { openRequest, sealRequest } from './sealed-request.ts';

const tools = createTestSealTools();
const { seal } = tools;
const provider = seal.openKemKey(seal.random(32));
const WORDS = 'the input quixambrevan is missing';

function createReply(suite: (typeof SEAL_SUITES)[number]) {
  const replyKey = seal.openKemKey(seal.random(32));
  const inner = {
    endpoint: 'chat',
    cacheScope: new Uint8Array(),
    replyKey: replyKey.publicKey,
    body: utf8Encode('{}'),
  };
  const to = { hash: new Uint8Array(32), key: provider.publicKey };
  const { envelope, reply: secret } = sealRequest(tools, { exchange: EXCHANGE, to, suite, inner });
  const opened = openRequest(tools, { exchange: EXCHANGE, envelope, findKey: () => provider });
  const sealer = createReplySealer(tools, { secret: opened.reply, replyKey: opened.inner.replyKey });
  let opener: ReturnType<typeof createReplyOpener> | undefined;
  const open = ({ head, unit }: SealedPart) => {
    opener ??= createReplyOpener(tools, { secret, replyKey, head });
    const message = opener.open(unit);
    return message && readSealedMessage(message);
  };
  return { sealer, open };
}

const read = (bytes: Uint8Array | undefined): SealedPart => parseRefusalPart(bytes as Uint8Array) as SealedPart;

describe.each(SEAL_SUITES)('words of a refusal under suite %i', (suite) => {
  it('open for the sender alone, and have one size', () => {
    const { sealer, open } = createReply(suite);
    const bytes = sealRefusal(sealer, WORDS);
    expect(Buffer.from(bytes as Uint8Array).includes('quixambrevan')).toBe(false);
    expect(openRefusal(read(bytes), createReply(suite).open)).toBeUndefined();
    expect(openRefusal(read(bytes), open)).toBe(WORDS);
    const sizes = ['', 'é'.repeat(5_000), 'a'].map((words) => sealRefusal(createReply(suite).sealer, words)?.length);
    expect(new Set(sizes)).toEqual(new Set([bytes?.length]));
    expect(bytes?.length).toBeLessThanOrEqual(MAX_REFUSAL_BYTES);
  });

  it('follow the units that the sender has', () => {
    const { sealer, open } = createReply(suite);
    const delta = create(SealedMessageSchema, { message: { case: 'delta', value: { text: 'Once' } } });
    const [unit] = sealer.seal(toBinary(SealedMessageSchema, delta)) as [Uint8Array];
    open({ head: sealer.head, unit } as SealedPart);
    expect(openRefusal(read(sealRefusal(sealer, WORDS)), open)).toBe(WORDS);
  });
});

it('words of a refusal are left out behind the last message of a reply', () => {
  const { sealer } = createReply(SEAL_SUITE);
  sealer.seal(new Uint8Array(1), { isLast: true });
  expect(sealRefusal(sealer, WORDS)).toBeUndefined();
});

it('words of a refusal are cut to printable ones', () => {
  const { sealer, open } = createReply(UNIT_SEAL_SUITE);
  const words = openRefusal(read(sealRefusal(sealer, `a\u001b[2J${'b'.repeat(5_000)}`)), open);
  expect(words).toMatch(/^a\ufffd\[2Jb+$/);
  expect(words?.length).toBeLessThan(1_025);
});

it.each<[string, Uint8Array]>([
  ['too long', new Uint8Array(MAX_REFUSAL_BYTES + 1)],
  ['no message', Uint8Array.of(255, 255)],
])('a part is none that is %s', (_what, bytes) => expect(parseRefusalPart(bytes)).toBeUndefined());

it('a part with a text in place of words is no refusal', () => {
  const { sealer, open } = createReply(SEAL_SUITE);
  const delta = create(SealedMessageSchema, { message: { case: 'delta', value: { text: WORDS } } });
  const [unit] = sealer.seal(toBinary(SealedMessageSchema, delta)) as [Uint8Array];
  expect(openRefusal({ head: sealer.head, unit } as SealedPart, open)).toBeUndefined();
});
