import { type SignerServer, startSignerServer } from '@ogong/testing/chain/signer-server';
import type { TransactionSerializable } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterEach, expect, it } from 'vitest';
import type { Address } from './hex.ts';
import { createRemoteAccount } from './remote-signer.ts';

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

it('signs nothing but transactions', async () => {
  const { account } = await start(async () => '0x');
  await expect(async () => account.signMessage({ message: 'hello' })).rejects.toThrow('transactions alone');
});
