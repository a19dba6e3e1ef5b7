import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createPublicClient } from 'viem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { batchedHttp } from './batched-http.ts';

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params?: readonly unknown[];
}

let node: Server;
/** Methods of each request, in order. */
let asked: string[][];
let answerBatch: (calls: readonly Call[]) => object | number;

/** The block number is 7, and each block repeats its name. */
const answerCall = ({ id, method, params = [] }: Call) => ({
  ...{ jsonrpc: '2.0', id },
  ...(method === 'eth_call'
    ? { error: { code: 3, message: 'execution reverted' } }
    : { result: method === 'eth_blockNumber' ? '0x7' : { number: params[0] } }),
});

beforeEach(async () => {
  asked = [];
  answerBatch = (calls) => calls.map(answerCall);
  node = createServer(async (request, response) => {
    const body = JSON.parse(await text(request)) as Call | readonly Call[];
    asked.push([body].flat().map(({ method }) => method));
    const answer = Array.isArray(body) ? answerBatch(body) : answerCall(body as Call);
    if (typeof answer === 'number') return response.writeHead(answer).end();
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  node.closeAllConnections();
  node.close();
});

function open() {
  const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
  const { request } = createPublicClient({ transport: batchedHttp(url, { timeoutMs: 5_000 }) });
  const findBlock = (tag: `0x${string}`) => request({ method: 'eth_getBlockByNumber', params: [tag, false] });
  return {
    call: () => request({ method: 'eth_call', params: [{}] }),
    estimate: () => request({ method: 'eth_estimateGas', params: [{}] }),
    findBlocks: (...tags: `0x${string}`[]) => Promise.all(tags.map(findBlock)),
  };
}

const BLOCKS = [{ number: '0x1' }, { number: '0x2' }, { number: '0x3' }];
const ALONE = ['eth_getBlockByNumber'];

describe('batched HTTP', () => {
  it('sends the reads of one turn in one request, whatever the order of the answers, and other calls alone', async () => {
    answerBatch = (calls) => calls.map(answerCall).reverse();
    const { call, estimate, findBlocks } = open();
    const [blocks, refused] = await Promise.all([
      findBlocks('0x1', '0x2', '0x3'),
      call().catch((error: Error) => error.message),
      estimate(),
    ]);
    expect(blocks).toEqual(BLOCKS);
    expect(refused).toContain('execution reverted');
    expect(asked.sort((a, b) => a.length - b.length)).toEqual([
      ['eth_estimateGas'],
      [...ALONE, ...ALONE, ...ALONE, 'eth_call'],
    ]);
  });

  it.each<[how: string, answer: typeof answerBatch]>([
    ['a status', () => 400],
    ['one error', () => ({ jsonrpc: '2.0', id: null, error: { code: -32_600, message: 'invalid request' } })],
    ['too few answers', (calls) => calls.slice(1).map(answerCall)],
  ])('sends each read alone from then on if the node refuses a batch with %s', async (_, answer) => {
    answerBatch = answer;
    const { findBlocks } = open();
    expect(await findBlocks('0x1', '0x2', '0x3')).toEqual(BLOCKS);
    expect(asked.splice(0).map((methods) => methods.length)).toEqual([3, 1, 1, 1]);
    expect(await findBlocks('0x1', '0x2', '0x3')).toEqual(BLOCKS);
    expect(asked).toEqual([ALONE, ALONE, ALONE]);
  });

  it('repeats the batch of a busy node whole', async () => {
    const answers = [503, 503];
    answerBatch = (calls) => answers.shift() ?? calls.map(answerCall);
    const { findBlocks } = open();
    await expect(findBlocks('0x1', '0x2', '0x3')).rejects.toThrow('503');
    expect(await findBlocks('0x1', '0x2', '0x3')).toEqual(BLOCKS);
    expect(asked.map((methods) => methods.length)).toEqual([3, 3, 3]);
  });
});
