import { connect, type Socket } from 'node:net';
import type { ChainClient } from '@ogong/chain/client';
import type { Address, Hex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import type { TransferAuthorization } from '@ogong/chain/money/authorizations';
import { signAuthorization } from '@ogong/chain/money/authorizations';
import type { PaymentChain } from '@ogong/gateway/front/payments';
import { toHex } from '@ogong/protocol/base/bytes';
import { FAKE_MODEL, fakePayer } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { defineAttack } from '../define-attack.ts';

interface CrowdedGateway {
  /** `http://host:port` */
  readonly url: string;
  readonly callers: number;
  /** Signs a payment by an account of its own that holds nothing: the header's value. */
  readonly sign: () => Promise<string>;
}

const AMOUNT = 10n ** 18n;

const CALLERS = 48;

const DEPLOYMENT = { chainId: 31_337, token: `0x${'70'.repeat(20)}` as Address };

/** Of a gateway with few places, each caller holds less than a tenth in the attack. */
const PLACES = { maxRequests: 8, maxRequestsPerKey: 4 };

/** A chain on which one account has money, and every transfer that it signed is taken. */
function createMoneyChain(rich: Address): ChainClient {
  const spent = new Map<string, Hex>();
  const chain: Record<keyof PaymentChain, (...given: never[]) => Promise<unknown>> = {
    balanceOf: async (account: Address) => (account === rich ? 100n * AMOUNT : 0n),
    blockNumber: async () => 1n,
    chainTime: async () => BigInt(Math.floor(Date.now() / 1000)),
    isAuthorizationSpent: async ({ nonce }: TransferAuthorization) => spent.has(nonce),
    findAuthorizedTransfer: async ({ nonce }: TransferAuthorization) => {
      const transactionHash = spent.get(nonce);
      return transactionHash && { transactionHash, blockNumber: 1n };
    },
    async transferByAuthorization({ nonce }: TransferAuthorization) {
      spent.set(nonce, nonce);
      return { transactionHash: nonce, blockNumber: 1n };
    },
  };
  return chain as unknown as ChainClient;
}

async function signPayment(key: Hex): Promise<string> {
  const authorization: TransferAuthorization = {
    from: computeAddress(key),
    to: `0x${toHex(fakePayer.address)}`,
    ...{ value: AMOUNT, validAfter: 0n, validBefore: BigInt(Math.floor(Date.now() / 1000) + 60) },
    nonce: generatePrivateKey(),
  };
  const signature = await signAuthorization(DEPLOYMENT, authorization, key);
  const shown = Object.fromEntries(Object.entries(authorization).map(([name, value]) => [name, `${value}`]));
  const accepted = { scheme: 'exact', network: `eip155:${DEPLOYMENT.chainId}`, asset: DEPLOYMENT.token };
  const payment = { x402Version: 2, accepted, payload: { signature, authorization: shown } };
  return Buffer.from(JSON.stringify(payment)).toString('base64');
}

/** Callers without a key who begin requests and never send the whole of them, half of them with payments that are signed and not covered. */
export const unpaidCrowd = defineAttack({
  name: 'unpaid-crowd',
  adversary: 'callers without a key and without money',
  aim: 'hold every place of a gateway, so that nobody who would pay is served',
  stoppedBy: 'A place needs a key, or a signed payment that the chain confirms; each payer has a share',
  restarts: { none: 'a gateway keeps nothing of an unpaid request' },
  async play({ url, callers, sign }: CrowdedGateway, breaks) {
    const { hostname: host, port } = new URL(url);
    const sockets = new Set<Socket>();
    for (let n = 0; n < callers; n++) {
      if (n === Math.floor(callers / 2)) await breaks.take();
      const payment = n % 2 === 0 ? `payment-signature: ${await sign()}\r\n` : '';
      const socket = connect({ host, port: Number(port) });
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      socket.resume();
      const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
      await new Promise<void>((resolve) =>
        socket.write(`${head}${payment}content-length: 4096\r\n\r\n{"model":`, () => resolve()),
      );
    }
    return {
      waiting: () => sockets.size,
      close() {
        for (const socket of sockets) socket.destroy();
      },
    };
  },
  async stage({ play, keep }) {
    const key = generatePrivateKey();
    const chain = createMoneyChain(computeAddress(key));
    const gateway = keep(
      await createGatewayFixture({
        options: { http: PLACES, spending: { maxPricePer1kAtomic: 2_000_000n } },
        payments: {
          options: { deployment: DEPLOYMENT, leastAtomic: AMOUNT, confirmations: 2n, intervalMs: 60_000 },
          client: async () => chain,
        },
      }),
    );
    const asked = { url: gateway.url, callers: CALLERS, sign: () => signPayment(generatePrivateKey()) };
    const crowd = keep(await play(asked));
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'payment-signature': await signPayment(key) },
      body: JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 }),
    });
    await answer.text();
    return {
      tried: `began ${CALLERS} requests without a key at a gateway with ${PLACES.maxRequests} places, and finished none`,
      answered: [
        `${crowd.waiting()} of them still wait for their own bodies`,
        `a caller who paid then was answered with status ${answer.status}`,
      ],
      money: 'nothing was taken from anybody but the caller who paid',
      worked: answer.status !== 200,
    };
  },
});
