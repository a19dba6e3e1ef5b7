import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toBase64, utf8Encode } from '@ogong/protocol/base/bytes';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import { toLocalReceiptJson } from '@ogong/protocol/stage1/local-receipt';
import { commitEmbeddingLocally } from '@ogong/provider/modality/embedding/commit-locally';
import type { KeptReply } from '@ogong/provider/modality/local-reply';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine, type FakeEmbeddingOptions } from '@ogong/testing/engine/fake-embedding';
import { forgeLocalReply, serveLocalReply } from '@ogong/testing/provider/local-reply';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rerunReceipt } from './rerun.ts';
import { VERIFY_EXIT, verifyCommand } from './verify-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-local-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let reply: KeptReply;
beforeAll(async () => {
  reply = await serveLocalReply();
});

async function verify({ receipt, request, response }: KeptReply, ...argv: string[]) {
  const path = join(directory, 'receipt.json');
  const bodies = { request: toBase64(request), response: toBase64(response) };
  writeFileSync(path, JSON.stringify({ ...toLocalReceiptJson(receipt), ...bodies }));
  let out = '';
  const write = (text: string) => (out += text);
  return { code: await verifyCommand.run([path, ...argv], { write, writeError: write }), out };
}

/** The text after the escape would be an order to the terminal. */
const NOT_KEPT = '{"error":{"message":"There is no receipt b\u001b[2J"}}';

describe('ogong verify of a local answer', () => {
  it('is no success unless its missing checks are allowed, and names each of them', async () => {
    const { code, out } = await verify(reply);
    expect(code).toBe(VERIFY_EXIT.unchecked);
    expect(out).toMatch(/^posture: tier local, method local-replay, exact class .*: nobody signed or audited it/);
    expect(out).toMatch(/^ok +draw-replay /m);
    expect(out).toMatch(/^skip +record-signature +nobody signed a local answer/m);
    const missing = /^not checked: (.*): of a local/m.exec(out)?.[1]?.split(', ') ?? [];
    expect(missing).toEqual(expect.arrayContaining(['order-signature', 'validator', 'fee', 'beacon', 'model-root']));
    expect((await verify(reply, '--allow', 'network')).code).toBe(VERIFY_EXIT.ok);
    const allowed = await verify(reply, ...missing.flatMap((id) => ['--allow', id]));
    expect(allowed.code).toBe(VERIFY_EXIT.ok);
  });

  it('reads the receipt from the address that was named, and from no other', async () => {
    const { request, response, receipt } = reply;
    const bodies = { request: toBase64(request), response: toBase64(response) };
    const server = createServer((asked, answer) => {
      if (asked.url === '/elsewhere') return answer.writeHead(302, { location: '/v1/receipts/a' }).end();
      if (asked.url !== '/v1/receipts/a') return answer.writeHead(404).end(NOT_KEPT);
      return answer.end(JSON.stringify({ ...toLocalReceiptJson(receipt), ...bodies }));
    });
    const { port } = await new Promise<AddressInfo>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve(server.address() as AddressInfo));
    });
    try {
      const verifyAt = async (path: string) => {
        let out = '';
        const write = (text: string) => (out += text);
        const url = `http://127.0.0.1:${port}${path}`;
        const code = await verifyCommand.run([url, '--allow', 'network'], { write, writeError: write });
        return { code, out };
      };
      expect((await verifyAt('/v1/receipts/a')).code).toBe(VERIFY_EXIT.ok);
      for (const [path, why] of [
        ['/elsewhere', 'redirect'],
        ['/v1/receipts/b', 'it answers 404: There is no receipt b\n'],
      ] as const) {
        const refused = await verifyAt(path);
        expect(refused).toMatchObject({ code: VERIFY_EXIT.unusable });
        expect(refused.out).toContain(why);
      }
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('fails for another text', async () => {
    const { code, out } = await verify({ ...reply, response: utf8Encode('no') });
    expect(code).toBe(VERIFY_EXIT.failed);
    expect(out).toMatch(/^FAIL +response-hash /m);
  });
});

describe('a local answer on another machine', () => {
  const rerun = async ({ receipt, request }: KeptReply, options: FakeEngineOptions = {}) => {
    const engine = createFakeEngine({ contextSize: 512, ...options });
    const { signal } = new AbortController();
    const found = await rerunReceipt({ receipt, request }, { engine, crypto, signal });
    await engine.close();
    const failed = found.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    return { outcome: found.outcome, failed, difference: found.difference, checks: found.checks };
  };

  it('is the same, bit for bit', async () => {
    const found = await rerun(reply);
    expect(found).toMatchObject({ outcome: 'accept', failed: [] });
    expect(found.checks.some(({ id, status }) => id === 'equality' && status === 'pass')).toBe(true);
  });

  it('is of other weights if its holder says so', async () => {
    expect(await rerun(reply, { weights: 2 })).toMatchObject({ outcome: 'reject', failed: ['model-root'] });
  });

  it('is found if the weights differ from those that it names', async () => {
    const broken = await serveLocalReply({ engine: createFakeEngine({ contextSize: 512, brokenLayer: 2 }) });
    expect(await rerun(broken)).toMatchObject({ outcome: 'reject', difference: { position: 0 } });
  });

  it('is found if its text was invented, with fitting hashes', async () => {
    const response = utf8Encode('made up');
    const responseHash = crypto.sha256(response);
    const forged = forgeLocalReply(reply, { record: () => ({ responseHash }) });
    expect(await rerun(forged)).toMatchObject({ outcome: 'reject', failed: ['response-text'] });
  });

  it('is found if one byte of its draws was altered', async () => {
    const bytes = reply.receipt.opening.bytes.slice();
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    const altered = { ...reply, receipt: { ...reply.receipt, opening: { bytes } } };
    expect(await rerun(altered)).toMatchObject({ outcome: 'reject', failed: ['commitment-root'] });
  });
});

describe.each([
  ['vectors', false],
  ['scores', true],
])('local %s on another machine', (_, reranks) => {
  const body = reranks ? { query: 'dogs', documents: ['a dog', 'a cat'] } : { input: ['a dog', 'a cat'] };
  const request = utf8Encode(JSON.stringify({ model: 'fake', ...body }));
  const serve = async (options: FakeEmbeddingOptions = {}): Promise<KeptReply> => {
    const engine = createFakeEmbeddingEngine({ reranks, ...options });
    const asked = embedding.parseRequest(request, reranks ? 'rerank' : 'embedding');
    const { inputs } = await engine.embed({ inputs: asked.inputs, query: asked.query });
    const info = { ...engine.info(), modelRoot: createFakeEmbeddingEngine({ reranks }).info().modelRoot };
    await engine.close();
    const given = { info, inputs, request: asked, body: request, replyId: new Uint8Array(16), startMs: 0, endMs: 1 };
    return commitEmbeddingLocally(crypto, given);
  };
  const rerun = async ({ receipt }: KeptReply, options: FakeEmbeddingOptions = {}, asked = request) => {
    const engine = createFakeEmbeddingEngine({ reranks, ...options });
    const { signal } = new AbortController();
    const { outcome, checks } = await rerunReceipt({ receipt, request: asked }, { engine, crypto, signal });
    await engine.close();
    return { outcome, checks, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
  };

  it('are the same, bit for bit', async () => {
    const { outcome, failed, checks } = await rerun(await serve());
    expect([outcome, failed]).toEqual(['accept', []]);
    expect(checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
  });

  it('are found if they were computed differently', async () => {
    expect(await rerun(await serve({ error: 0.3 }))).toMatchObject({ outcome: 'reject', failed: ['equality'] });
  });

  it('are found if the weights differ from those that they name', async () => {
    expect(await rerun(await serve(), { weights: 2 })).toMatchObject({ outcome: 'reject', failed: ['model-root'] });
  });

  it('are of one request alone', async () => {
    const other = utf8Encode(new TextDecoder().decode(request).replace('a cat', 'a cow'));
    expect(await rerun(await serve(), {}, other)).toMatchObject({ outcome: 'reject', failed: ['request-hash'] });
  });
});
