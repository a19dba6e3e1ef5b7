import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { EXIT } from '@ogong/host/log/errors';
import { parseAmount } from '@ogong/protocol/base/amount';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { toTrustJson } from '@ogong/protocol/stage1/trust';
import { type AnsweredQuestion, createTestEvaluation, TEST_SET } from '@ogong/testing/hub/test-evaluation';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VERIFY_EXIT } from '../../verify-command.ts';
import { hubCommand } from '../hub-command.ts';

const made = createTestEvaluation(crypto);
const { answered, answer, header } = made;
const [, second] = header.set.questions as [unknown, Parameters<typeof answer>[0]];
const directory = mkdtempSync(join(tmpdir(), 'ogong-evaluate-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (name: string): string => join(directory, name);
writeFileSync(at('set.jsonl'), TEST_SET);
writeFileSync(at('trust.json'), JSON.stringify(toTrustJson(made.trust)));

/** Replies by their requests. */
let replies: Map<string, AnsweredQuestion>;
/** Replaces the text of an answer on its way. */
let shown: string | undefined;
/** Ids of questions that the gateway refuses. */
let refused: Map<string, number>;
let asked: string[];
beforeEach(() => {
  replies = new Map(answered.map((one) => [Buffer.from(one.row.request).toString(), one]));
  [shown, refused, asked] = [undefined, new Map(), []];
});

const server = createServer((request, response) => {
  const send = (status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.url === '/v1/models')
    return send(200, { data: [{ id: header.model, ogong: { min_price_per_1k: '2000000' } }] });
  let body = '';
  request.setEncoding('utf8').on('data', (piece: string) => {
    body += piece;
  });
  return request.on('end', () => {
    const found = replies.get(body);
    if (found === undefined) return send(400, { error: { message: 'another request' } });
    const { id, receipt, answer: text } = found.row;
    asked.push(id);
    const status = refused.get(id);
    if (status !== undefined) return send(status, { error: { message: 'refused' } });
    const message = { role: 'assistant', content: shown ?? text };
    const receipts = [{ reply_id: '1', url: '/v1/receipts/1', checks: [], receipt: toReceiptJson(receipt) }];
    const choice = { index: 0, finish_reason: 'length', message, text: shown ?? text };
    return send(200, { id: '1', model: header.model, choices: [choice], ogong: { receipts } });
  });
});
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
afterAll(() => void server.close());

async function run(...argv: string[]): Promise<{ code: number; out: string; error: string }> {
  let [out, error] = ['', ''];
  const code = await hubCommand.run(argv, {
    write: (piece) => (out += piece),
    writeError: (piece) => (error += piece),
  });
  return { code, out, error };
}

function evaluate(out: string, ...flags: string[]) {
  const { port } = server.address() as AddressInfo;
  const trusted = flags.includes('--trust') ? [] : ['--trust', at('trust.json')];
  const fixed = ['--set', at('set.jsonl'), '--seed', '7', '--max-tokens', '8', '--concurrency', '1'];
  const gateway = ['--gateway', `127.0.0.1:${port}`, '--out', at(out)];
  return run('evaluate', 'test/synthetic', ...gateway, ...fixed, ...trusted, ...flags);
}

const check = (name: string, ...flags: string[]) =>
  run('check-evaluation', at(name), '--trust', at('trust.json'), ...flags);

describe('ogong hub evaluate', () => {
  it('writes an evaluation that anybody can check', async () => {
    const { code, out, error } = await evaluate('whole.jsonl');
    expect({ code, error }).toMatchObject({ code: EXIT.ok, error: expect.stringContaining('sums 1.0.0  3 questions') });
    expect(error).toMatch(/at most 0\.\d+ OGONG at 0\.000000000002 OGONG per 1,000 tokens/);
    expect(out).toMatch(
      /^2 of 3 right: 66\.7 %, 95 % interval 20\.8 % to 93\.9 %\nroot [0-9a-f]{64}\nhash [0-9a-f]{64}\ncost 0\.\d+ OGONG\n$/,
    );
    const checked = await check('whole.jsonl', '--set', at('set.jsonl'));
    expect(checked.code).toBe(VERIFY_EXIT.ok);
    expect(checked.out).toContain('2 of 3 right: 66.7 %');
    const hash = crypto.sha256(new Uint8Array(readFileSync(at('whole.jsonl'))));
    expect(JSON.parse((await check('whole.jsonl', '--json')).out)).toMatchObject({
      ...{ ok: true, hash: Buffer.from(hash).toString('hex'), missing: [], lost: [] },
      figures: { right: 2, counted: 3, sharePpm: 666_667 },
    });
    expect((await evaluate('whole.jsonl').catch((cause: Error) => cause)) as Error).toMatchObject({
      message: expect.stringContaining('exists already'),
    });
  });

  it('is not believed about another set, without trust, or after a change', async () => {
    await evaluate('changed.jsonl');
    writeFileSync(at('other.jsonl'), Buffer.from(TEST_SET).toString().replace('"2"', '"3"'));
    const other = await check('changed.jsonl', '--set', at('other.jsonl'));
    expect(other.code).toBe(VERIFY_EXIT.failed);
    expect(other.out).toMatch(/^FAIL +set /m);
    expect(other.out).not.toContain('of 3 right');
    const { routers: _, ...trust } = made.trust;
    writeFileSync(at('less.json'), JSON.stringify(toTrustJson(trust)));
    const unchecked = await run('check-evaluation', at('changed.jsonl'), '--trust', at('less.json'));
    expect(unchecked).toMatchObject({
      code: VERIFY_EXIT.unchecked,
      out: expect.stringContaining('not checked: router'),
    });
    const file = readFileSync(at('changed.jsonl'), 'utf8');
    writeFileSync(at('changed.jsonl'), file.replace('"answer":"It is 5.","score":0', '"answer":"It is 4.","score":1'));
    const changed = await check('changed.jsonl');
    expect(changed.code).toBe(VERIFY_EXIT.failed);
    expect(changed.out).toMatch(/^FAIL +answers .*two/m);
    writeFileSync(at('changed.jsonl'), 'no evaluation\n');
    expect((await check('changed.jsonl')).code).toBe(VERIFY_EXIT.unusable);
  });

  it('continues after a fault, and asks no question again', async () => {
    refused.set('two', 403);
    const broken = await evaluate('resumed.jsonl');
    expect(broken).toMatchObject({ code: EXIT.unavailable, error: expect.stringContaining('continue with --resume') });
    expect(existsSync(at('resumed.jsonl'))).toBe(false);
    await expect(evaluate('resumed.jsonl')).rejects.toThrow('continue it with --resume');
    await expect(evaluate('resumed.jsonl', '--resume', '--temperature', '1')).rejects.toThrow(
      'another set, model or parameters',
    );
    // A call that was killed may leave half a line.
    const part = readFileSync(at('resumed.jsonl.part'));
    writeFileSync(at('resumed.jsonl.part'), Buffer.concat([part, utf8Encode('{"id":"two","ans')]));
    refused.clear();
    asked = [];
    expect((await evaluate('resumed.jsonl', '--resume')).code).toBe(EXIT.ok);
    expect(asked).toEqual(['two', 'three']);
    expect((await check('resumed.jsonl')).code).toBe(VERIFY_EXIT.ok);
  });

  it('names answers whose receipt does not hold, and does not count them', async () => {
    replies.set(Buffer.from(answered[1]?.row.request ?? []).toString(), answer(second, { seed: 2 }));
    refused.set('three', 400);
    const { modelRoots: _, ...trust } = made.trust;
    writeFileSync(at('rootless.json'), JSON.stringify(toTrustJson(trust)));
    const rootless = ['--trust', at('rootless.json'), '--allow', 'model-root'];
    const { code, out } = await evaluate('lost.jsonl', ...rootless);
    expect(code).toBe(EXIT.ok);
    expect(out).toMatch(/^1 of 1 right.*\nnot counted: two: model: root [0-9a-f]{64}\nnot counted: three: refused\n/);
    const checked = await run('check-evaluation', at('lost.jsonl'), ...rootless, '--json');
    expect(JSON.parse(checked.out)).toMatchObject({ ok: true, figures: { counted: 1, questions: 3 } });
  });

  it('writes nothing if no answer holds', async () => {
    shown = 'It is 9.';
    const { code, error } = await evaluate('none.jsonl');
    expect(code).toBe(EXIT.unavailable);
    expect(error).toContain('no answer has a receipt that holds: one: ');
    expect(existsSync(at('none.jsonl'))).toBe(false);
  });

  it('stops before it costs more than allowed, and shows the cost before it asks', async () => {
    const priced = (await evaluate('dry.jsonl', '--dry-run')).error;
    expect(asked).toEqual([]);
    const [, most = ''] = /at most (0\.\d+) OGONG/.exec(priced) ?? [];
    const limits = ['--max-price', '2000000', '--max-cost', `${(parseAmount(most, { bare: 'tokens' }) ?? 0n) / 4n}`];
    const declared = { ...header, parameters: { ...header.parameters, maxPrice: '2000000' } };
    replies = new Map(
      header.set.questions.map((question) => {
        const one = answer(question, { declared });
        return [Buffer.from(one.row.request).toString(), one];
      }),
    );
    const { code, error } = await evaluate('cheap.jsonl', ...limits);
    expect({ code, asked }).toEqual({ code: EXIT.temporary, asked: [] });
    expect(error).toContain('--max-cost leaves no money for the next question; 0 rows are kept');
    await expect(evaluate('free.jsonl', '--max-cost', '5')).rejects.toThrow('--max-cost needs --max-price');
  });

  it('ends at once if its trust does not suffice', async () => {
    const { routers: _, ...trust } = made.trust;
    writeFileSync(at('less.json'), JSON.stringify(toTrustJson(trust)));
    const { code, error } = await evaluate('distrusted.jsonl', '--trust', at('less.json'));
    expect({ code, asked }).toEqual({ code: EXIT.configuration, asked: ['one'] });
    expect(error).toContain('not checked: router');
  });
});
