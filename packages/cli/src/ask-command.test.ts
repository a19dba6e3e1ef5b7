import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { EXIT } from '@ogong/host/log/errors';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { toTrustJson } from '@ogong/protocol/stage1/trust';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askCommand } from './ask-command.ts';

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const { receipt, trust } = createSyntheticReceipt({
  crypto,
  tokens: 40,
  // The request of the command, byte for byte.
  parameters: { stream: true, seed: 7 },
  provider: createNodeHybridSigner(fill(1, 64)),
  router: createNodeHybridSigner(fill(2, 64)),
  payer: createNodeLedgerSigner(fill(3, 32)),
  ledger: { chainId: 31_337n, verifyingContract: fill(5, 20) },
});
const directory = mkdtempSync(join(tmpdir(), 'ogong-ask-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const save = (name: string, content: string): string => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};
const trusted = save('trust.json', JSON.stringify(toTrustJson(trust)));

const ANSWER = 'a story of 40 tokens';

const TEE_MODEL = 'ogong/tee/test/synthetic';
let content = ANSWER;
let finish = 'stop';
let listed: object | undefined;
let listedFor: string | undefined;
let asked = '';
let settlementType: unknown;
const server = createServer((request, response) => {
  if (request.url === '/v1/models') {
    listedFor = request.headers.authorization;
    return response.end(JSON.stringify({ data: listed === undefined ? [] : [listed] }));
  }
  asked = '';
  settlementType = request.headers['x-settlement-type'];
  request.setEncoding('utf8').on('data', (piece: string) => {
    asked += piece;
  });
  const receipts = [{ reply_id: '1', url: '/v1/receipts/1', checks: [], receipt: toReceiptJson(receipt) }];
  const chunks = [
    { choices: [{ index: 0, delta: { content } }] },
    { choices: [{ index: 0, delta: {}, finish_reason: finish }], ogong: { receipts } },
  ];
  return response.end(`${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')}data: [DONE]\n\n`);
});
let gateway: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  gateway = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

async function ask(text: string, ...flags: string[]): Promise<{ code: number; out: string; error: string }> {
  content = text;
  const at = flags.indexOf('--columns');
  const [, columns] = at === -1 ? [] : flags.splice(at, 2);
  let out = '';
  let error = '';
  const argv = [
    'Once upon a time',
    '--gateway',
    gateway,
    ...(flags.includes('--model') ? [] : ['--model', 'ogong/verified/test/synthetic']),
  ];
  const code = await askCommand.run([...argv, '--max-tokens', '40', '--seed', '7', ...flags], {
    write: (piece) => (out += piece),
    writeError: (piece) => (error += piece),
    readColumns: () => (columns === undefined ? undefined : Number(columns)),
  });
  return { code, out, error };
}

describe('ogong ask', () => {
  it('prints the answer, and one line about its checks beside it', async () => {
    const { code, out, error } = await ask(ANSWER, '--trust', trusted);
    expect({ code, out }).toEqual({ code: EXIT.ok, out: `${ANSWER}\n` });
    expect(error).toMatch(
      /^\nverified: \d\d checks passed, \d+ skipped · also passed: answer · 0\.\d{4,18} OGONG · provider [0-9a-f]{12}\n$/,
    );
  });

  it('says that an answer ends at its limit, and of no other', async () => {
    finish = 'length';
    const cut = await ask(ANSWER, '--trust', trusted);
    expect(cut).toMatchObject({ code: EXIT.ok, out: `${ANSWER}\n` });
    expect(cut.error).toContain('ogong ask: the answer ends at its limit of 40 tokens: --max-tokens 80 gives more\n');
    const { error, out } = await ask(ANSWER, '--trust', trusted, '--json');
    expect(error).toContain('ends at its limit');
    expect(JSON.parse(out)).toMatchObject({ answer: ANSWER });
    finish = 'stop';
    expect((await ask(ANSWER, '--trust', trusted)).error).not.toContain('limit');
  });

  it('prints every check with --checks', async () => {
    const { code, error } = await ask(ANSWER, '--trust', trusted, '--checks');
    expect(code).toBe(EXIT.ok);
    expect(error).toMatch(/^receipt of reply [0-9a-f]{32}\nposture: /m);
    expect(error).toMatch(/^ok +draw-replay /m);
  });

  it('wraps the answer between words on a terminal', async () => {
    const { out } = await ask(ANSWER, '--trust', trusted, '--columns', '12');
    expect(out).toBe('a story of\n40 tokens\n');
  });

  it.each([
    ['without a policy', []],
    ['if its gateway offers no sealed calls', ['--machines', save('policy.json', '{}')]],
  ])('sends nothing to a machine of tier tee %s', async (_when, flags) => {
    asked = '';
    const { code, out, error } = await ask(ANSWER, '--model', TEE_MODEL, '--trust', trusted, ...flags);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(asked).not.toContain('Once upon a time');
    expect(error).toContain('nothing was sent');
  });

  it('passes a preference on, and sends none otherwise', async () => {
    await ask(ANSWER, '--trust', trusted);
    expect(JSON.parse(asked)).not.toHaveProperty('ogong');
    const id = '0a'.repeat(32);
    const wanted = ['--sort', 'latency', '--max-price', '2000', '--provider', id, '--settlement', 'private'];
    await ask(ANSWER, '--trust', trusted, ...wanted);
    expect(settlementType).toBe('private');
    expect(JSON.parse(asked).ogong).toEqual({ sort: 'latency', max_price: '2000', providers: { only: [id] } });
  });

  it('warns before it buys from a model that no other party can check, and asks for the list with its key', async () => {
    listed = { id: 'ogong/verified/test/synthetic', ogong: { warning: 'Nobody else.' } };
    const warned = await ask(ANSWER, '--trust', trusted, '--api-key', 'sk-1');
    expect(warned.error).toContain('ogong ask: ogong/verified/test/synthetic: Nobody else.');
    expect(listedFor).toBe('Bearer sk-1');
    listed = { id: 'ogong/verified/test/synthetic', ogong: { cohort: { shards: 3, weakest_tier: 'verified' } } };
    const { error } = await ask(ANSWER, '--trust', trusted);
    expect(error).toContain('up to 3 providers serve it together, in tier verified; each of them reads the prompt');
    expect(error).not.toContain('Nobody else');
    listed = { id: 'ogong/verified/test/synthetic', ogong: { cohort: null } };
    expect((await ask(ANSWER, '--trust', trusted)).error).not.toContain('reads the prompt');
    listed = undefined;
  });

  it('prints JSON alone for a script', async () => {
    const { code, out, error } = await ask(ANSWER, '--json', '--trust', trusted);
    expect({ code, error }).toEqual({ code: EXIT.ok, error: '' });
    expect(JSON.parse(out)).toMatchObject({
      answer: ANSWER,
      replyId: expect.stringMatching(/^[0-9a-f]{32}$/),
      checks: expect.arrayContaining([expect.objectContaining({ id: 'draw-replay', status: 'pass' })]),
    });
  });

  it('does not accept an answer that it could not check, unless it is allowed', async () => {
    const { code, out, error } = await ask(ANSWER, '--json');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(error).toContain('not checked: router, ledger, validator, admission, intake, model-root, beacon');
    const allow = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon'].flatMap((id) => [
      '--allow',
      id,
    ]);
    const allowed = await ask(ANSWER, ...allow);
    expect(allowed.code).toBe(EXIT.ok);
    expect(allowed.error).toContain(' skipped (allowed: router, ledger, validator and 4 more)');
    expect((await ask(ANSWER, '--checks', ...allow)).error).toMatch(/^done without, as allowed: router, ledger/m);
  });

  it('prints no JSON for an answer that fails its checks', async () => {
    const { code, out, error } = await ask('a story of 41 tokens', '--json');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(error).toMatch(/^FAIL +response-hash /m);
    expect(error).not.toMatch(/^ok /m);
    expect(error).toMatch(/^\d+ passed, \d failed, \d+ skipped; --checks lists all$/m);
  });
});
