import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { toFunctionSelector } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createChainClient } from './client.ts';
import type { ChainError } from './errors.ts';
import type { Hex } from './hex.ts';
import { computeAddress, generatePrivateKey } from './keys.ts';

/** Of a list of what held from which second on, where one is added that is older than its last. */
const UNORDERED = 'CheckpointUnorderedInsertion()';

interface Pending {
  readonly nonce: Hex;
  readonly maxFeePerGas: Hex;
}

describe('a transaction that nobody mines', () => {
  let ledger: TestLedger;
  beforeEach(async () => {
    ledger = await startTestLedger();
  });
  afterEach(() => ledger?.stop());

  const call = <T>(method: string, ...params: unknown[]): Promise<T> =>
    ledger.governor.transactor.client.request({ method, params } as never) as Promise<T>;

  /** Those that wait for a block. */
  async function listPending(): Promise<Pending[]> {
    const { pending } = await call<{ pending: Record<string, Record<string, Pending>> }>('txpool_content');
    return Object.values(pending).flatMap((byNonce) => Object.values(byNonce));
  }

  async function waitForFee(isEnough: (fee: bigint) => boolean): Promise<Pending> {
    for (;;) {
      const [found] = await listPending();
      if (found && isEnough(BigInt(found.maxFeePerGas))) return found;
      await delay(20);
    }
  }

  const connect = (privateKey: Hex, receiptTimeoutMs: number) =>
    createChainClient({
      rpcUrl: ledger.chain.rpcUrl,
      deployment: ledger.deployment,
      privateKey,
      receiptTimeoutMs,
      pollIntervalMs: 20,
    });

  it('is sent again under its nonce with a higher fee, and counts once', async () => {
    const member = await ledger.createMember(10n);
    const client = await connect(member.privateKey, 18_000);
    const to = computeAddress(generatePrivateKey());
    await call('evm_setIntervalMining', 0);
    const sent = client.transfer(to, 3n);
    const first = await waitForFee(() => true);
    const later = await waitForFee((fee) => fee > BigInt(first.maxFeePerGas));
    expect(later.nonce).toBe(first.nonce);
    expect(await listPending()).toHaveLength(1);
    await call('evm_setIntervalMining', 1);
    await sent;
    expect(await member.client.balanceOf(to)).toBe(3n);
  });

  it('does not leave where what it waits for fails', async () => {
    const member = await ledger.createMember(10n);
    let isBroken = true;
    const client = await createChainClient({
      ...{ rpcUrl: ledger.chain.rpcUrl, deployment: ledger.deployment, privateKey: member.privateKey },
      beforeSend: () => (isBroken ? Promise.reject(new Error('EIO')) : Promise.resolve()),
    });
    const to = computeAddress(generatePrivateKey());
    await expect(client.transfer(to, 3n)).rejects.toThrow('EIO');
    isBroken = false;
    await client.transfer(to, 4n);
    expect(await member.client.balanceOf(to)).toBe(4n);
  });

  it('does not stand in the way of the next one, also after a restart', async () => {
    const member = await ledger.createMember(10n);
    // Anvil estimates over what is pending, where the first transfer has paid for the slot.
    const { address: to } = await ledger.createMember(1n);
    await call('evm_setIntervalMining', 0);
    const hasty = await connect(member.privateKey, 30);
    await expect(hasty.transfer(to, 1n)).rejects.toMatchObject({ code: 'timeout', retryable: true });
    const stuck = await waitForFee(() => true);
    const restarted = await connect(member.privateKey, 60_000);
    const sent = restarted.transfer(to, 2n);
    const next = await waitForFee((fee) => fee > BigInt(stuck.maxFeePerGas));
    expect(next.nonce).toBe(stuck.nonce);
    await call('evm_setIntervalMining', 1);
    await sent;
    expect(await member.client.balanceOf(to)).toBe(3n);
  });

  it.each([
    ['is not taken for another one that was mined in its place', 1n, 2n],
    ['counts where another process sent the same', 2n, 3n],
  ])('%s', async (_what, other, balance) => {
    const member = await ledger.createMember(10n);
    const { address: to } = await ledger.createMember(1n);
    await call('evm_setIntervalMining', 0);
    const waiting = await connect(member.privateKey, 360_000);
    const sent = waiting.transfer(to, 2n).then(
      () => 'mined',
      (error: ChainError) => `${error.code}: ${error.message}`,
    );
    const first = await waitForFee(() => true);
    // It has the same key, and outbids.
    const hasty = await connect(member.privateKey, 30);
    await expect(hasty.transfer(to, other)).rejects.toMatchObject({ code: 'timeout' });
    await waitForFee((fee) => fee > BigInt(first.maxFeePerGas));
    await call('evm_setIntervalMining', 1);
    expect(await sent).toMatch(other === 2n ? 'mined' : /^timeout: .* in its place$/);
    expect(await member.client.balanceOf(to)).toBe(balance);
  });
});

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params?: readonly unknown[];
}

describe('a node', () => {
  let ledger: TestLedger;
  let node: Server;
  /** Returns a replacement of the chain's answer, or `lost` for no answer. The chain acts all the same. Undefined: the answer arrives. */
  let bend: (call: Call) => object | 'lost' | undefined;
  beforeAll(async () => {
    ledger = await startTestLedger();
    node = createServer(async (request, response) => {
      const body = await text(request);
      const headers = { 'content-type': 'application/json' };
      const answer = await (await fetch(ledger.chain.rpcUrl, { method: 'POST', headers, body })).text();
      const call = JSON.parse(body) as Call;
      const bent = bend(call);
      if (bent === 'lost') return;
      response
        .setHeader('content-type', 'application/json')
        .end(bent === undefined ? answer : JSON.stringify({ jsonrpc: '2.0', id: call.id, ...bent }));
    });
    await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    node?.closeAllConnections();
    node?.close();
    await ledger?.stop();
  });

  /** An account behind the node, with ten units, and somebody to pay. */
  async function join(requestTimeoutMs?: number) {
    bend = () => undefined;
    const [member, payee] = [await ledger.createMember(10n), await ledger.createMember(1n)];
    const client = await createChainClient({
      ...{ rpcUrl: `http://127.0.0.1:${(node.address() as AddressInfo).port}`, deployment: ledger.deployment },
      ...{ privateKey: member.privateKey, pollIntervalMs: 20, ...(requestTimeoutMs && { requestTimeoutMs }) },
    });
    return { client, to: payee.address, balance: () => ledger.governor.balanceOf(payee.address) };
  }

  it('mines a transaction once if its answer is lost', async () => {
    const { client, to, balance } = await join(1_000);
    const sent = new Set<string>();
    bend = ({ method, params }) => {
      if (method !== 'eth_sendRawTransaction') return undefined;
      sent.add(String(params?.[0]));
      return 'lost';
    };
    expect((await client.transfer(to, 3n)).status).toBe('success');
    expect([sent.size, await balance()]).toEqual([1, 4n]);
  });

  it('that answers by the state of one block and the time of another is asked again', async () => {
    const { client, to, balance } = await join();
    const refused = { error: { code: 3, message: 'execution reverted', data: toFunctionSelector(UNORDERED) } };
    for (const method of ['eth_call', 'eth_estimateGas']) {
      let isMixed = true;
      bend = (call) => {
        if (call.method !== method || !isMixed) return undefined;
        isMixed = false;
        return refused;
      };
      await client.transfer(to, 1n);
      expect(isMixed).toBe(false);
    }
    expect(await balance()).toBe(3n);
    let isMixed = true;
    bend = ({ method }) => {
      if (method !== 'eth_call' || !isMixed) return undefined;
      isMixed = false;
      return refused;
    };
    expect(await client.balanceOf(to)).toBe(3n);
    // A repeated answer is a refusal.
    bend = ({ method }) => (method === 'eth_call' ? refused : undefined);
    await expect(client.transfer(to, 1n)).rejects.toMatchObject({ code: 'reverted' });
  });
});
