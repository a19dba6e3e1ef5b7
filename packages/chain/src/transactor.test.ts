import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { encodeErrorResult, keccak256, parseAbi, parseTransaction } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createChainClient } from './client.ts';
import type { Deployment } from './deployment.ts';
import { ChainError } from './errors.ts';
import type { Hex } from './hex.ts';
import { createTransactor } from './transactor.ts';

const privateKey: Hex = `0x${'11'.repeat(32)}`;
const account = privateKeyToAccount(privateKey);
const payee: Hex = `0x${'22'.repeat(20)}`;
const CHAIN_ID = 31_337;
const HASH = `0x${'33'.repeat(32)}`;
/** So often a transaction is sent, under one nonce. */
const TWICE = 2;
/** The first of them is waited for a moment alone. */
const SOON = { receiptTimeoutMs: 600 };

type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: Hex } };
type Say = (count: number, params: readonly unknown[]) => Answer | 'cut' | 'forbidden' | undefined;

const refuse = (message: string, code = -32_000): Answer => ({ error: { code, message } });
const asHex = (value: bigint | number | undefined): Hex => `0x${(value ?? 0).toString(16)}`;

let node: Server;
/** By method: the replacement of the usual answer, and the number of calls. */
let bent: Record<string, Say>;
let asked: Record<string, number>;
/** Transactions that the node took, in order. */
let taken: Hex[];
let mined: Set<Hex>;

beforeEach(async () => {
  [bent, asked, taken, mined] = [{}, {}, [], new Set()];
  node = createServer(async (request, response) => {
    const {
      id,
      method,
      params = [],
    } = JSON.parse(await text(request)) as {
      readonly id: number;
      readonly method: string;
      readonly params?: readonly unknown[];
    };
    const count = (asked[method] ?? 0) + 1;
    asked[method] = count;
    const said = bent[method]?.(count, params) ?? { result: await answer(method, params) };
    if (said === 'cut') return request.socket.destroy();
    if (said === 'forbidden') return response.writeHead(403).end();
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, ...said }));
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  node.closeAllConnections();
  node.close();
});

/** A chain on which nothing is mined unless a test says so. */
async function answer(method: string, [first]: readonly unknown[]): Promise<unknown> {
  const number = asHex(asked[method]);
  const place = { blockHash: HASH, blockNumber: '0x1', transactionIndex: '0x0', from: account.address, to: payee };
  switch (method) {
    case 'eth_sendRawTransaction':
      taken.push(keccak256(first as Hex));
      return taken.at(-1);
    case 'eth_getTransactionReceipt':
      return mined.has(first as Hex) ? { ...place, transactionHash: first, status: '0x1', logs: [] } : null;
    case 'eth_getTransactionByHash':
      return {
        ...place,
        ...{ blockHash: null, blockNumber: null, hash: first, nonce: '0x0', input: '0x', value: '0x0' },
      };
    case 'eth_getBlockByNumber':
      return { number: '0x1', hash: HASH, baseFeePerGas: '0x10', timestamp: '0x1', transactions: [] };
    case 'eth_signTransaction': {
      const { to, gas, maxFeePerGas, maxPriorityFeePerGas } = first as Record<string, Hex>;
      return account.signTransaction({
        ...{ to: to as Hex, chainId: CHAIN_ID, nonce: 0, type: 'eip1559', data: '0x', value: 0n },
        ...{ gas: BigInt(gas as Hex), maxFeePerGas: BigInt(maxFeePerGas as Hex) },
        maxPriorityFeePerGas: BigInt(maxPriorityFeePerGas as Hex),
      });
    }
    default:
      return { eth_call: '0x', eth_estimateGas: '0x5208', eth_getTransactionCount: '0x0' }[method] ?? number;
  }
}

const nameNode = (): string => `http://127.0.0.1:${(node.address() as AddressInfo).port}`;

/** Returns the result of one transaction. */
async function pay({
  by = 'key',
  receiptTimeoutMs = 60_000,
}: {
  by?: 'key' | 'signer';
  receiptTimeoutMs?: number;
} = {}) {
  const transactor = createTransactor({
    ...{ rpcUrl: nameNode(), chainId: CHAIN_ID, pollIntervalMs: 10, receiptTimeoutMs },
    ...(by === 'key' ? { privateKey } : { signer: { url: nameNode(), account: account.address } }),
  });
  return transactor.send('pay', payee, '0x').then(
    (receipt) => ({ hash: receipt.transactionHash, code: undefined, message: '' }),
    (error: unknown) => {
      if (!(error instanceof ChainError)) throw error;
      return { hash: undefined, code: error.code, message: error.message };
    },
  );
}

const DOUBT = /^it was sent as 0x[0-9a-f]{64}, and the chain does not say what became of it/;
const NO_COIN = /and the account has no coin for a higher fee$/;

it.each<[what: string, by: 'key' | 'signer', method: string, said: Answer]>([
  ['the account has no coin for more', 'key', 'eth_sendRawTransaction', refuse('insufficient funds for gas')],
  ['another one of its nonce was mined', 'key', 'eth_sendRawTransaction', refuse('nonce too low')],
  ['the node has no room', 'key', 'eth_sendRawTransaction', refuse('txpool is full')],
  ['the node tells no fees', 'key', 'eth_getBlockByNumber', refuse('out of gas')],
  ['its signer does not sign it with a higher fee', 'signer', 'eth_signTransaction', refuse('no', 4_001)],
])('a sent transaction is not refused if %s', async (_, by, method, said) => {
  bent[method] = (count) => (count < TWICE ? undefined : said);
  const { code, message } = await pay({ by, ...SOON });
  expect(code).toBe('timeout');
  expect(message).toMatch(JSON.stringify(said).includes('insufficient funds') ? NO_COIN : DOUBT);
  expect(taken).toHaveLength(1);
});

it('counts by what was sent first, too, whatever the node says of what was sent last', async () => {
  bent.eth_sendRawTransaction = (count) => {
    if (count < TWICE) return undefined;
    mined.add(taken[0] as Hex);
    return refuse('nonce too low');
  };
  expect(await pay(SOON)).toMatchObject({ hash: taken[0] });
});

it.each([
  ['no-coin', 'insufficient funds for gas * price + value: balance 0, tx cost 1'],
  ['timeout', 'nonce too low: next nonce 1, tx nonce 0'],
  ['timeout', 'txpool is full'],
  ['too-costly', 'exceeds block gas limit'],
] as const)('a refusal by a node is no refusal of a contract, but %s: %s', async (code, message) => {
  bent.eth_sendRawTransaction = () => refuse(message);
  expect(await pay()).toMatchObject({ code });
  expect(asked.eth_sendRawTransaction).toBe(1);
});

it.each<[what: string, said: Answer | 'cut']>([
  ['the connection breaks', 'cut'],
  ['the node has it already', refuse('already known')],
  ['another node says that in one word', refuse('AlreadyKnown')],
])('is waited for, once, where %s', async (_, said) => {
  bent.eth_sendRawTransaction = (_count, [raw]) => {
    taken.push(keccak256(raw as Hex));
    return said;
  };
  // Only for a waiting caller: a transaction that is mined at once is found anyway.
  bent.eth_blockNumber = () => {
    for (const hash of taken) mined.add(hash);
    return undefined;
  };
  expect(await pay()).toMatchObject({ hash: taken[0] });
  expect(taken).toHaveLength(1);
});

it('asks a signer for what it was asked to send', async () => {
  bent.eth_sendRawTransaction = (_count, [raw]) => {
    mined.add(keccak256(raw as Hex));
    expect(parseTransaction(raw as Hex)).toMatchObject({ to: payee });
    return undefined;
  };
  expect(await pay({ by: 'signer' })).toMatchObject({ hash: taken[0] });
});

it('tells nobody, a log neither, what in the address of its node may be a key', async () => {
  bent.eth_call = () => 'cut';
  const rpcUrl = `${nameNode().replace('//', '//user:secret@')}/v2/secret?key=secret`;
  const failed = await createTransactor({ rpcUrl, chainId: CHAIN_ID, privateKey })
    .send('pay', payee, '0x')
    .catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 'rpc-unreachable', message: expect.stringContaining(nameNode()) });
  let told = '';
  for (let one = failed; one instanceof Error; one = one.cause) told += `${one.message} ${one.stack}`;
  expect(told).toContain(`URL: ${nameNode()}\n`);
  expect(told).not.toContain('secret');
});

it('says of a signer that answers no question that it answers so, and not that it is away', async () => {
  bent.eth_signTransaction = () => 'forbidden';
  const { code, message } = await pay({ by: 'signer' });
  expect([code, message]).toEqual([
    'rpc-unreachable',
    `the signer at ${nameNode()} answers with HTTP status 403: see that --signer names its address`,
  ]);
});

it('names the node of another chain without what may be a key', async () => {
  bent.eth_chainId = () => ({ result: '0x5' });
  const options = { rpcUrl: `${nameNode()}/v2/secret`, deployment: { chainId: CHAIN_ID } as Deployment };
  await expect(createChainClient(options)).rejects.toThrow(`${nameNode()} serves chain 5, the deployment`);
  bent = { eth_chainId: () => ({ result: asHex(CHAIN_ID) }), eth_getCode: () => ({ result: '0x' }) };
  await expect(createChainClient(options)).rejects.toThrow(`${nameNode()} has no contract`);
});

it('calls no address that a contract names for a lookup outside the chain', async () => {
  const calls: (string | undefined)[] = [];
  const service = createServer(({ url }, response) => {
    calls.push(url);
    response.end(JSON.stringify({ data: '0x' }));
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const { port } = service.address() as AddressInfo;
  const abi = parseAbi([
    'error OffchainLookup(address sender, string[] urls, bytes callData, bytes4 callbackFunction, bytes extraData)',
  ]);
  const args = [payee, [`http://127.0.0.1:${port}/{sender}/{data}`], '0x1234', '0x12345678', '0x'] as const;
  const data = encodeErrorResult({ abi, errorName: 'OffchainLookup', args });
  bent.eth_call = () => ({ error: { code: 3, message: 'execution reverted', data } });
  const { read } = createTransactor({ rpcUrl: nameNode(), chainId: CHAIN_ID });
  await expect(read('wallet', (client) => client.call({ to: payee, data: '0x' }))).rejects.toThrow(ChainError);
  expect(calls).toEqual([]);
  service.close();
});
