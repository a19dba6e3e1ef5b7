import { setTimeout as delay } from 'node:timers/promises';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { generateKemKey, nodeSeal as seal } from '@ogong/host/crypto/node-seal';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { concatBytes } from '@ogong/protocol/base/bytes';
import { hashHybridKey, verifyHybrid } from '@ogong/protocol/crypto/hybrid';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { signSealKey, verifySealKey } from '@ogong/protocol/sealing/seal-key';
import { createReplyOpener, createReplySealer } from '@ogong/protocol/sealing/sealed-reply';
import { openRequest, sealRequest } from '@ogong/protocol/sealing/sealed-request';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { EXCHANGE } from '@ogong/testing/protocol/exchange-fixture';
import { seedOf } from '@ogong/testing/validator/test-keys';
import { LOAD_MODEL } from '../../load/load-model.ts';
import { startGateway, startRouter } from '../../path/gateway-path.ts';
import { startProvider } from '../../path/path-provider.ts';
import { startValidator } from '../../path/path-validator.ts';
import { measureBusy } from '../busy-time.ts';
import { createGatewayTimer } from '../reply-timing.ts';
import { median, type Row } from '../row.ts';

/** Code is compiled, and the provider knows the payer, long before. */
const WARM_UP = 150;
const ROUNDS = 200;
/** Work after a reply ends within this pause, so the next reply does not include it. */
const PAUSE_MS = 25;
const TOKENS = 16;
const REPEATS = 200;

/**
 * Measures the processor time of a first token: gateway, provider and validator in one process, over real links. The engine costs nothing
 * and the ticket is reused. On an idle core the first token takes as long.
 */
export async function measureFirstTokenWork(): Promise<Row[]> {
  const validator = await startValidator();
  const router = await startRouter(validator);
  const engine = createFakeEngine({ sequences: 8, maxQueue: 64, contextSize: 512 });
  const offers = [{ modelId: LOAD_MODEL, pricePer1kAtomic: 1_000n, engine }];
  const provider = await startProvider('provider', { offers, validator, routers: [router.peer] });
  const gateway = await startGateway(validator, router.peer, { ticketsAhead: 8, verdictIntervalMs: 60_000 });
  const timer = createGatewayTimer(gateway.url);
  let asked = 0;
  async function ask(): Promise<{ readonly workMs: number; readonly tookMs: number }> {
    const content = `${asked++} is the number of a story`;
    const body = {
      model: LOAD_MODEL,
      messages: [{ role: 'user', content }],
      max_tokens: TOKENS,
      stream: true,
      temperature: 0.8,
    };
    const before = process.cpuUsage();
    let workMs = Number.NaN;
    const { firstTextMs: tookMs } = await timer.time(body, () => {
      const { user, system } = process.cpuUsage(before);
      workMs = (user + system) / 1e3;
    });
    await delay(PAUSE_MS);
    return { workMs, tookMs };
  }
  try {
    for (let i = 0; i < WARM_UP; i++) await ask();
    const timed: Awaited<ReturnType<typeof ask>>[] = [];
    for (let i = 0; i < ROUNDS; i++) timed.push(await ask());
    const sorted = timed.map(({ workMs }) => workMs).sort((a, b) => a - b);
    const at = (share: number): string => (sorted[Math.floor(share * sorted.length)] ?? Number.NaN).toFixed(1);
    return [
      {
        id: 'first-token-work',
        what: 'processor time of all daemons from request to first token, kept ticket, p50',
        value: median(sorted),
        unit: 'ms',
        aim: { at: 'most', value: 5 },
        note: `one process, ${ROUNDS} fresh prompts after ${WARM_UP}, the client included, the engine costs nothing. p10 ${at(0.1)}, p90 ${at(0.9)}, p99 ${at(0.99)} ms; by the clock ${median(timed.map(({ tookMs }) => tookMs)).toFixed(1)} ms`,
        why: 'Commits take a fifth. Opening and checking the sealed order takes an eighth. The check of the order by its provider takes an eighth, more than half of it opening the seal and encapsulating to the reply. The consent takes a twentieth, signatures of accounts as much, links a tenth. Other threads generate keys of replies ahead, and sign the consent while the claim goes to the disk: both save waiting, not processor time',
        next: "the reply's encapsulation on another thread",
      },
      ...(await measureSteps()),
    ];
  } finally {
    timer.close();
    await gateway.close();
    await provider.close();
    await router.close();
    await validator.close();
    await engine.close();
  }
}

/** Processor time of what stands in the way of a first token and is no call. */
async function measureSteps(): Promise<Row[]> {
  const router = createNodeHybridSigner(concatBytes(seedOf('bench router'), seedOf('bench router 2')));
  const provider = createNodeHybridSigner(concatBytes(seedOf('bench provider'), seedOf('bench provider 2')));
  const account = createNodeLedgerSigner(seedOf('bench payer'));
  const digest = (round: number): Uint8Array => crypto.sha256(Uint8Array.of(round & 255, round >> 8));
  const message = new Uint8Array(600);
  const ticket = { publicKey: router.publicKey, message, signature: router.sign(message) };
  const agreed = { publicKey: provider.publicKey, message, signature: provider.sign(message) };
  const orders = Array.from({ length: REPEATS }, (_, i) => account.signDigest(digest(i)));
  const tools = { crypto, seal };
  const providerId = hashHybridKey(crypto, provider.publicKey);
  const exchange = { ...EXCHANGE, providerId };
  const key = seal.openKemKey(seal.random(32));
  const statement = signSealKey(provider, {
    ...{ suite: SEAL_SUITE, chainId: exchange.ledger.chainId, escrow: exchange.ledger.verifyingContract, providerId },
    ...{ sequence: 1n, issuedAtMs: 1, expiresAtMs: 3_600_001, key: key.publicKey },
  });
  const to = verifySealKey(crypto, statement, { ledger: exchange.ledger, providerId, nowMs: 2 });
  const sealOnce = (): void => {
    const replyKey = generateKemKey();
    const inner = { endpoint: 'chat', cacheScope: new Uint8Array(16), body: message, replyKey: replyKey.publicKey };
    const { envelope, reply } = sealRequest(tools, { exchange, to, inner });
    const opened = openRequest(tools, { exchange, envelope, findKey: () => key });
    const sealer = createReplySealer(tools, { secret: opened.reply, replyKey: opened.inner.replyKey });
    createReplyOpener(tools, { secret: reply, replyKey, head: sealer.head });
  };
  const steps: readonly (readonly [id: string, what: string, work: (round: number) => unknown])[] = [
    ['seal', 'the request sealed and opened, and the keys of its reply', sealOnce],
    ['ticket', "the ticket's two signatures checked by the provider", () => verifyHybrid(crypto, ticket)],
    ['consent', "the provider's consent signed", () => provider.sign(message)],
    ['agreed', 'the same checked by the validator', () => verifyHybrid(crypto, agreed)],
    ['order', "the order's signature made", (round) => account.signDigest(digest(round))],
    [
      'payer',
      'the same checked, by provider and validator each',
      (round) => crypto.verifyAddress(digest(round), orders[round] as Uint8Array, account.address),
    ],
  ];
  const rows: Row[] = [];
  for (const [id, what, work] of steps) {
    for (let round = 0; round < REPEATS; round++) work(round);
    const { ms } = await measureBusy(undefined, () => {
      for (let round = 0; round < REPEATS; round++) work(round);
    });
    const named = `processor time on the way to the first token: ${what}`;
    rows.push({ id: `first-token-${id}`, what: named, value: ms / REPEATS, unit: 'ms', note: `mean of ${REPEATS}` });
  }
  return rows;
}
