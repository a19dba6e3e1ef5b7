import { startDevChain } from '@ogong/devnet/chain/dev-chain';
import { type SignerServer, sendByNode, startSignerServer } from '@ogong/testing/chain/signer-server';
import { parseEther, type TransactionSerializable } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Address } from './hex.ts';
import { createRemoteAccount } from './remote-signer.ts';
import { createTransactor, type Transactor } from './transactor.ts';

const own = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const other = privateKeyToAccount(`0x${'22'.repeat(32)}`);
const asked: TransactionSerializable = {
  ...{ type: 'eip1559', chainId: 31_337, nonce: 7, gas: 50_000n, to: other.address, data: '0x1234' },
  ...{ maxFeePerGas: 10n, maxPriorityFeePerGas: 1n },
};

let server: SignerServer | undefined;
afterEach(() => server?.close());

type Answer = Parameters<typeof startSignerServer>[0];

/** A signer that answers each request so. @returns its account, and what it was asked. */
async function start(answer: Answer) {
  server = await startSignerServer(answer);
  const { url, requests } = server;
  return { requests, account: createRemoteAccount({ url, account: own.address.toLowerCase() as Address }) };
}

it.each<[string, (raw: string) => unknown]>([
  ['the bytes', (raw) => raw],
  ['an object with the bytes', (raw) => ({ raw, tx: {} })],
])('sends what the signer signed, given as %s', async (_, wrap) => {
  const signed = await own.signTransaction(asked);
  const { account, requests } = await start(async () => wrap(signed));
  expect(await account.signTransaction(asked)).toBe(signed);
  expect(requests).toMatchObject([
    {
      method: 'eth_signTransaction',
      params: [
        {
          from: own.address.toLowerCase(),
          to: other.address,
          nonce: '0x7',
          gas: '0xc350',
          value: '0x0',
          data: '0x1234',
        },
      ],
    },
  ]);
});

it.each<[string, Answer, RegExp]>([
  ['somebody else', () => other.signTransaction(asked), /signed as 0x/],
  ['another nonce', () => own.signTransaction({ ...asked, nonce: 8 } as never), /nonce differ/],
  ['another receiver', () => own.signTransaction({ ...asked, to: own.address } as never), /to differ/],
  ['other data', () => own.signTransaction({ ...asked, data: '0x1235' } as never), /data differ/],
  ['coins that go along', () => own.signTransaction({ ...asked, value: 1n } as never), /value differ/],
  ['another chain', () => own.signTransaction({ ...asked, chainId: 1 } as never), /chainId differ/],
  ['a higher fee', () => own.signTransaction({ ...asked, maxFeePerGas: 99n } as never), /maxFeePerGas differ/],
  ['no signature', async () => '0x02c0', /no signed transaction/],
  ['no transaction', async () => 'yes', /no signed transaction/],
  ['a refusal', () => Promise.reject(new Error('the user said no')), /the user said no/],
])('refuses a signer that answers with %s', async (_, answer, message) => {
  const { account } = await start(answer);
  await expect(account.signTransaction(asked)).rejects.toThrow(message);
});

it('says of a signer that is not there where it was looked for, and that it may be there later', async () => {
  const { account } = await start(async () => '0x');
  await server?.close();
  const signing = account.signTransaction(asked);
  await expect(signing).rejects.toMatchObject({ code: 'rpc-unreachable', retryable: true });
  await expect(signing).rejects.toThrow(/the signer at http:.* cannot be reached: start it/);
});

it('signs nothing but transactions', async () => {
  const { account } = await start(async () => '0x');
  await expect(async () => account.signMessage({ message: 'hello' })).rejects.toThrow('transactions alone');
});

type Chain = Awaited<ReturnType<typeof startDevChain>>;

describe('a wallet, which sends what it signs', () => {
  const account = own.address.toLowerCase() as Address;
  const to = `0x${'33'.repeat(20)}` as const;
  let chain: Chain;
  let elsewhere: Chain;
  let onChain: Transactor;
  beforeAll(async () => {
    chain = await startDevChain({ blockTimeMs: 50 });
    elsewhere = await startDevChain({ blockTimeMs: 50, chainId: 31_338 });
    for (const { rpcUrl, chainId, setBalance } of [chain, elsewhere]) {
      onChain = createTransactor({ rpcUrl, chainId });
      for (const { address } of [own, other]) {
        await setBalance(address, parseEther('1'));
        await onChain.client.request({ method: 'anvil_impersonateAccount', params: [address] } as never);
      }
    }
    onChain = createTransactor(chain);
  });
  afterAll(() => Promise.all([chain?.stop(), elsewhere?.stop()]));

  async function startWallet(answer: Answer, offers: readonly string[], receiptTimeoutMs = 30_000) {
    server = await startSignerServer(answer, offers);
    const { url, requests } = server;
    const { rpcUrl, chainId } = chain;
    const signer = { url, account };
    const { send } = createTransactor({ rpcUrl, chainId, signer, receiptTimeoutMs, pollIntervalMs: 20 });
    return { send: () => send('pay', to, '0x1234'), asked: () => requests.map(({ method }) => method) };
  }

  const WALLET = ['eth_chainId', 'eth_sendTransaction'];

  it.each([
    ['says on which chain it is', WALLET],
    ['offers nothing else', ['eth_sendTransaction']],
  ])('sends as asked where it %s', async (_, offers) => {
    const { send, asked } = await startWallet(sendByNode(chain.rpcUrl), offers);
    const { status, transactionHash: hash } = await send();
    expect(status).toBe('success');
    expect(await onChain.client.getTransaction({ hash })).toMatchObject({
      from: account,
      to,
      input: '0x1234',
      value: 0n,
    });
    expect(asked()).toEqual(['eth_signTransaction', 'eth_chainId', 'eth_sendTransaction']);
  });

  it.each<[string, Parameters<typeof sendByNode>[1], RegExp]>([
    ['other data', (one) => ({ ...one, data: '0x1235' }), /sent another transaction, 0x[0-9a-f]{64}: data differ/],
    ['to somebody else', (one) => ({ ...one, to: account }), /: to differ/],
    ['coins that go along', (one) => ({ ...one, value: '0x1' }), /: value differ/],
    ['from another account', (one) => ({ ...one, from: other.address, nonce: undefined }), /: from(, nonce)? differ/],
  ])('is refused where it sends %s', async (_, change, message) => {
    const { send, asked } = await startWallet(sendByNode(chain.rpcUrl, change), ['eth_sendTransaction']);
    await expect(send()).rejects.toMatchObject({ code: 'bad-input', message: expect.stringMatching(message) });
    expect(asked().filter((method) => method === 'eth_sendTransaction')).toHaveLength(1);
  });

  it('is refused where it answers with what it sent before', async () => {
    const { send } = await startWallet(sendByNode(chain.rpcUrl), WALLET);
    const { transactionHash } = await send();
    await server?.close();
    const again = await startWallet(async () => transactionHash, ['eth_sendTransaction']);
    await expect(again.send()).rejects.toThrow(/nonce differ/);
  });

  it('is asked for nothing where it is on another chain, and refused where it does not say so', async () => {
    const honest = await startWallet(sendByNode(elsewhere.rpcUrl), WALLET);
    await expect(honest.send()).rejects.toThrow('is on chain 31338, not on 31337');
    expect(honest.asked()).toEqual(['eth_signTransaction', 'eth_chainId']);
    await server?.close();
    const node = sendByNode(elsewhere.rpcUrl, (one) => ({ ...one, chainId: undefined }));
    const silent = await startWallet(node, ['eth_sendTransaction'], 300);
    await expect(silent.send()).rejects.toThrow(/sent 0x[0-9a-f]{64}, but chain 31337 does not know it/);
  });

  it.each<[string, Answer, RegExp]>([
    ['a refusal', () => Promise.reject(new Error('the user said no')), /did not send: the user said no$/],
    ['no hash', async () => '0x12', /no hash/],
  ])('is refused where it answers with %s', async (_, answer, message) => {
    const { send } = await startWallet(answer, ['eth_sendTransaction']);
    await expect(send()).rejects.toThrow(message);
  });

  it('is not asked again where no block takes the transaction', async () => {
    const mine = (seconds: number) =>
      onChain.client.request({ method: 'evm_setIntervalMining', params: [seconds] } as never);
    await mine(0);
    const { send, asked } = await startWallet(sendByNode(chain.rpcUrl), ['eth_sendTransaction'], 300);
    await expect(send()).rejects.toMatchObject({
      message: expect.stringMatching(/no block has it yet/),
      retryable: false,
    });
    expect(asked()).toHaveLength(3);
    await mine(1);
    // It is taken now; the next transaction would have its nonce.
    const countBy = (blockTag: 'latest' | 'pending') =>
      onChain.client.getTransactionCount({ address: account, blockTag });
    await expect.poll(() => countBy('latest')).toBe(await countBy('pending'));
  });

  it('is not asked to send what its user did not want to sign', async () => {
    const { send, asked } = await startWallet(
      () => Promise.reject(new Error('the user said no')),
      ['eth_signTransaction', ...WALLET],
    );
    await expect(send()).rejects.toThrow('did not sign: the user said no');
    expect(asked()).toEqual(['eth_signTransaction']);
  });
});
