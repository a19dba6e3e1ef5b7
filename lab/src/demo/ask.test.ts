import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { utf8Decode } from '@ogong/protocol/base/bytes';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from './ask.ts';

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const { receipt } = createSyntheticReceipt({
  crypto,
  provider: createNodeHybridSigner(fill(1, 64)),
  router: createNodeHybridSigner(fill(2, 64)),
  payer: createNodeLedgerSigner(fill(3, 32)),
  ledger: { chainId: 31_337n, verifyingContract: fill(5, 20) },
});
const opening = (receipt.opening as { bytes: Uint8Array }).bytes;
const compact = toReceiptJson({ ...receipt, opening: { url: '/v1/receipts/ab/opening' } });
const ogong = { receipts: [{ reply_id: 'ab', url: '/v1/receipts/ab', checks: [], receipt: compact }] };

let close = (): void => {};
afterEach(() => close());

/** A fake gateway that answers completions by `complete` and serves one receipt. */
async function startGateway(complete: (body: string, response: ServerResponse) => void): Promise<string> {
  const read = async (request: IncomingMessage): Promise<string> => Buffer.concat(await request.toArray()).toString();
  const server = createServer(async (request, response) => {
    if (request.url === '/v1/receipts/ab') response.end(JSON.stringify(toReceiptJson(receipt)));
    else if (request.url === '/v1/receipts/ab/opening') response.end(opening);
    else complete(await read(request), response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => void server.close();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const planned = (isStreamed: boolean) => ({ number: 1, prompt: 'Once', isStreamed, parameters: { temperature: 0 } });
const chunk = (content: string, more: object = {}): string =>
  `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }], ...more })}\n\n`;

describe('ask', () => {
  it('keeps the bytes that it sent and the text that it received, streamed', async () => {
    let sent = '';
    const gatewayUrl = await startGateway((body, response) => {
      sent = body;
      response.setHeader('content-type', 'text/event-stream');
      response.end(`${chunk('a ')}${chunk('cat', { ogong })}data: [DONE]\n\n`);
    });
    const reply = await ask(planned(true), { gatewayUrl, model: 'm' });
    expect(reply.error).toBeUndefined();
    expect(utf8Decode(reply.request)).toBe(sent);
    expect(JSON.parse(sent)).toMatchObject({ model: 'm', stream: true, temperature: 0 });
    expect(utf8Decode(reply.response)).toBe('a cat');
    expect(reply.receipts?.fetched).toEqual(opening);
    expect(reply.receipts?.full.opening).toEqual({ bytes: opening });
    expect(reply.receipts?.compact.opening).toEqual({ url: '/v1/receipts/ab/opening' });
  });

  it('keeps them for a reply that is not streamed', async () => {
    const gatewayUrl = await startGateway((_body, response) => {
      const message = { role: 'assistant', content: 'a cat' };
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          id: 'x',
          object: 'chat.completion',
          created: 1,
          model: 'm',
          choices: [{ index: 0, message, finish_reason: 'stop' }],
          ogong,
        }),
      );
    });
    const reply = await ask(planned(false), { gatewayUrl, model: 'm' });
    expect(utf8Decode(reply.response)).toBe('a cat');
    expect(reply.receipts).toBeDefined();
  });

  it("keeps the gateway's error message, and does not retry", async () => {
    let count = 0;
    const gatewayUrl = await startGateway((_body, response) => {
      count++;
      response.writeHead(502, { 'content-type': 'application/json' });
      response.end(
        '{"error":{"message":"the reply failed its check","type":"server_error","code":"ogong_check_failed","param":null}}',
      );
    });
    const reply = await ask(planned(false), { gatewayUrl, model: 'm' });
    expect(reply.error).toContain('the reply failed its check');
    expect(reply.receipts).toBeUndefined();
    expect(count).toBe(1);
  });
});
