import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner, nobleCrypto } from '@ogong/protocol/crypto/noble';
import { createNobleSeal } from '@ogong/protocol/crypto/noble-seal';
import { SEAL_SUITE, UNIT_SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { signSealKey, verifySealKey } from '@ogong/protocol/sealing/seal-key';
import { createReplyOpener, createReplySealer } from '@ogong/protocol/sealing/sealed-reply';
import { openRequest, type SealTools, sealRequest } from '@ogong/protocol/sealing/sealed-request';
import { EXCHANGE } from '@ogong/testing/protocol/exchange-fixture';
import { measureBusy } from './busy-time.ts';
import type { Row } from './row.ts';

const TOKENS = 128;
const WORD = utf8Encode(' word');

/** Measures sealing on OpenSSL, which daemons use, and on noble, which browsers use. */
export async function measureSealing(): Promise<Row[]> {
  const node = { crypto: nodeCrypto, seal: nodeSeal };
  const noble = { crypto: nobleCrypto, seal: createNobleSeal(nodeSeal.random) };
  return [...(await measureWith('OpenSSL', node, 400)), ...(await measureWith('noble', noble, 40))];
}

async function measureWith(name: string, tools: SealTools, rounds: number): Promise<Row[]> {
  const signer = createNobleHybridSigner(new Uint8Array(64).fill(1));
  const providerId = hashHybridKey(nobleCrypto, signer.publicKey);
  const { ledger } = EXCHANGE;
  const exchange = { ...EXCHANGE, providerId };
  const provider = tools.seal.openKemKey(tools.seal.random(32));
  const client = tools.seal.openKemKey(tools.seal.random(32));
  const statement = signSealKey(signer, {
    ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, providerId },
    ...{ sequence: 1n, issuedAtMs: 1, expiresAtMs: 3_600_001, key: provider.publicKey },
  });
  const to = verifySealKey(nobleCrypto, statement, { ledger, providerId, nowMs: 2 });
  const inner = {
    endpoint: 'chat',
    cacheScope: new Uint8Array(),
    replyKey: client.publicKey,
    body: new Uint8Array(700),
  };
  const seal = () => sealRequest(tools, { exchange, to, inner });
  const { envelope, reply: secret } = seal();
  const open = () => openRequest(tools, { exchange, envelope, findKey: () => provider });
  const start = () => createReplySealer(tools, { secret, replyKey: client.publicKey });
  const sealer = start();
  const units: Uint8Array[] = [];
  const opener = createReplyOpener(tools, { secret, replyKey: client, head: sealer.head });
  const asked = sealRequest(tools, { exchange, to, inner, suite: UNIT_SEAL_SUITE });
  const capsuled = createReplySealer(tools, { secret: asked.reply, replyKey: client.publicKey });
  const capsules: Uint8Array[] = [];
  const capsuleOpener = createReplyOpener(tools, { secret: asked.reply, replyKey: client, head: capsuled.head });
  const time = async (count: number, work: () => unknown): Promise<number> => {
    const { ms } = await measureBusy(undefined, () => {
      for (let i = 0; i < count; i++) work();
    });
    return ms / count;
  };
  const id = name.toLowerCase();
  const row = async (what: string, key: string, count: number, work: () => unknown): Promise<Row> => ({
    ...{ id: `sealing-${key}-${id}`, what: `${what}, ${name}`, unit: 'ms' },
    value: await time(count, work),
  });
  seal();
  open();
  const rows = [
    await row('a request of 700 bytes sealed', 'request', rounds, seal),
    await row('the same opened', 'open', rounds, open),
    await row('the beginning of a reply', 'reply', rounds, start),
    await row('a piece of one token sealed', 'unit', 10 * rounds, () => units.push(...sealer.seal(WORD))),
    await row('the same opened', 'open-unit', 10 * rounds, () => opener.open(units.shift() as Uint8Array)),
    await row('a piece of one token sealed, with a capsule of its own', 'capsuled', rounds, () =>
      capsules.push(...capsuled.seal(WORD)),
    ),
    await row('the same opened', 'open-capsuled', rounds, () => capsuleOpener.open(capsules.shift() as Uint8Array)),
  ];
  const bytes = sealer.head.length + TOKENS * (sealer.seal(WORD)[0] as Uint8Array).length;
  const capsuledBytes = capsuled.head.length + TOKENS * (capsuled.seal(WORD)[0] as Uint8Array).length;
  const sizes: Row[] =
    name === 'noble'
      ? []
      : [
          { id: 'sealing-request-bytes', what: 'a sealed request of 700 bytes', value: envelope.length, unit: 'bytes' },
          { id: 'sealing-reply-bytes', what: `a sealed reply of ${TOKENS} tokens`, value: bytes, unit: 'bytes' },
          {
            id: 'sealing-capsuled-bytes',
            what: `the same with a capsule for each piece`,
            value: capsuledBytes,
            unit: 'bytes',
          },
        ];
  return [...rows, ...sizes];
}
