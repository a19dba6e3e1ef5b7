import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MeshState, writeMeshState } from '@ogong/devnet/mesh/mesh-state';
import { identifyProcess, type ProcessIdentity } from '@ogong/devnet/mesh/process-identity';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { toBase64 } from '@ogong/protocol/base/bytes';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { toTrustJson } from '@ogong/sdk';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { afterAll, describe, expect, it } from 'vitest';
import { VERIFY_EXIT, verifyCommand } from './verify-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-verify-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const { receipt, reply, trust } = createSyntheticReceipt({
  crypto,
  provider: createNodeHybridSigner(fill(1, 64)),
  router: createNodeHybridSigner(fill(2, 64)),
  payer: createNodeLedgerSigner(fill(3, 32)),
  ledger: { chainId: 31_337n, verifyingContract: fill(5, 20) },
});

function save(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const bodies = { request: toBase64(reply.request), response: toBase64(reply.response) };
const whole = save('receipt.json', JSON.stringify({ ...toReceiptJson(receipt), ...bodies }));
const bare = save('bare.json', JSON.stringify(toReceiptJson(receipt)));
const trusted = save('trust.json', JSON.stringify(toTrustJson(trust)));

const bent = (fields: object): string => JSON.stringify({ ...toReceiptJson(receipt), ...bodies, ...fields });

async function verify(...argv: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const code = await verifyCommand.run(argv, { write: (text) => (out += text), writeError: (text) => (error += text) });
  return { code, out, error };
}

it("shows the basis of a machine's answer, and of no other", async () => {
  const model = 'ogong/tee/test/synthetic';
  const ofMachine = createSyntheticReceipt({
    crypto,
    provider: createNodeHybridSigner(fill(1, 64)),
    router: createNodeHybridSigner(fill(2, 64)),
    payer: createNodeLedgerSigner(fill(3, 32)),
    ledger: receipt.ledger,
    parameters: { model },
    bend: { header: (header) => ({ ...header, tier: 'tee', method: 'attested-replay' }) },
    bendTicket: (ticket) => ({ ...ticket, modelId: model }),
  });
  // Nobody can read what this machine says.
  const carried = { ...ofMachine.receipt, evidence: new Map([['attestation', fill(7, 9)]]) };
  const { request, response } = ofMachine.reply;
  const parts = { ...toReceiptJson(carried), request: toBase64(request), response: toBase64(response) };
  const { code, out } = await verify(save('machine.json', JSON.stringify(parts)), '--trust', trusted);
  expect(code).toBe(VERIFY_EXIT.failed);
  expect(out).toContain('by hardware: nothing: the machine was not taken\nby replay: ');
  expect(out).toMatch(/by replay: .*draw-replay/);
  expect((await verify(whole, '--trust', trusted)).out).not.toContain('by hardware');
});

it('lists the checks of a receipt whose admission has a time that no calendar has', async () => {
  const late = { ...receipt, admission: { ...receipt.admission, timeMs: 9_000_000_000_000_000n } };
  const parts = { ...toReceiptJson(late), request: toBase64(reply.request), response: toBase64(reply.response) };
  const { code, out } = await verify(save('late.json', JSON.stringify(parts)), '--trust', trusted);
  expect(code).toBe(VERIFY_EXIT.failed);
  expect(out).toMatch(/^FAIL +admission /m);
});

describe('ogong verify', () => {
  const meshOf = (mesh: string, changes: Partial<MeshState> = {}): string => {
    writeMeshState(join(directory, mesh), {
      ...{ launcher: identifyProcess(process.pid) as ProcessIdentity, phase: 'ready', message: 'ready', model: 'm' },
      ...{ gatewayUrl: 'http://127.0.0.1:4546', rpcUrl: 'http://127.0.0.1:4500', deploymentFile: 'deployment.json' },
      ...{ trustFile: trusted, processes: [], ...changes },
    });
    return join(directory, mesh);
  };

  it('uses the trust of a local mesh for its receipts, and reports it', async () => {
    const { code, error } = await verify(whole, '--mesh-dir', meshOf('mesh'));
    expect([code, error]).toEqual([VERIFY_EXIT.ok, `${trusted}: trusted, of the mesh that runs here\n`]);
  });

  const elsewhere = save(
    'elsewhere.json',
    JSON.stringify(toTrustJson({ ...trust, ledger: { ...receipt.ledger, chainId: 1n } })),
  );
  it.each([
    ['that is on another ledger', { trustFile: elsewhere }],
    ['that is not ready', { phase: 'starting' }],
    ['that has ended', { launcher: { pid: process.pid, startedAt: 'earlier' } }],
    ['whose trust cannot be read', { trustFile: directory }],
    ['whose trust is none', { trustFile: import.meta.filename }],
  ] as const)('takes no word of a mesh %s', async (name, changes) => {
    const { code, error } = await verify(whole, '--mesh-dir', meshOf(name.replaceAll(' ', '-'), changes));
    expect([code, error]).toEqual([VERIFY_EXIT.unchecked, '']);
  });

  it('asks no mesh if the user names trusted values', async () => {
    const listed = save('none.json', '{}');
    const { code, error } = await verify(whole, '--mesh-dir', meshOf('other'), '--trust', listed);
    expect([code, error]).toEqual([VERIFY_EXIT.unchecked, '']);
  });

  it('passes a good receipt, check by check', async () => {
    const { code, out } = await verify(whole, '--trust', trusted);
    expect(code).toBe(VERIFY_EXIT.ok);
    expect(out).toMatch(/^ok +draw-replay /m);
    expect(out).toMatch(
      /^posture: tier verified, method draw-replay, exact class synthetic-1\/js\/f64\/exact\/hash\/kv-none: /,
    );
    expect(out).toMatch(/\d+ passed, 0 failed, 0 skipped/);
  });

  it('compares the judged record, if the file has the state of the reply', async () => {
    const recordHash = Buffer.from(crypto.sha256(receipt.record.bytes)).toString('hex');
    const run = (status: object) => verify(save('status.json', bent({ status })), '--trust', trusted);
    const judged = { verdict: 'accept', record_hash: recordHash, fee_atomic: '1' };
    expect((await run(judged)).code).toBe(VERIFY_EXIT.ok);
    const other = await run({ ...judged, record_hash: '00'.repeat(32) });
    expect([other.code, other.out]).toEqual([VERIFY_EXIT.failed, expect.stringMatching(/^FAIL +judged-record /m)]);
    expect((await run({ ...judged, verdict: '' })).code).toBe(VERIFY_EXIT.unchecked);
  });

  it('is no success without trust, and names the skipped checks', async () => {
    const { code, out } = await verify(whole);
    expect(code).toBe(VERIFY_EXIT.unchecked);
    expect(out).toMatch(/^skip +model-root /m);
    expect(out).toMatch(
      /^not checked: router, ledger, validator, admission, intake, model-root, beacon: give .*--allow$/m,
    );
  });

  it('skips the checks that --allow or the trust file names, and reports it', async () => {
    const anchors = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon'];
    const allow = anchors.flatMap((id) => ['--allow', id]);
    const named = await verify(whole, ...allow);
    expect(named.code).toBe(VERIFY_EXIT.ok);
    expect(named.out).toMatch(
      /^done without, as allowed: router, ledger, validator, admission, intake, model-root, beacon$/m,
    );
    expect((await verify(whole, ...allow.slice(2))).code).toBe(VERIFY_EXIT.unchecked);
    const listed = save('allow.json', JSON.stringify({ allow: anchors }));
    expect((await verify(whole, '--trust', listed)).code).toBe(VERIFY_EXIT.ok);
    const bad = await verify(save('bad.json', bent({ response: toBase64(fill(1, 3)) })), ...allow);
    expect(bad.code).toBe(VERIFY_EXIT.failed);
    const forgiven = await verify(
      save('bad.json', bent({ response: toBase64(fill(1, 3)) })),
      '--allow',
      'response-hash',
    );
    expect(forgiven.code).toBe(VERIFY_EXIT.failed);
  });

  it('follows a reply into the chain only if the contracts are named', async () => {
    const { code, error } = await verify(whole, '--trust', trusted, '--follow');
    expect(code).toBe(VERIFY_EXIT.unusable);
    expect(error).toContain('--follow needs --deployment');
    const beside = await verify(whole, '--follow', '--mesh-dir', meshOf('far', { trustFile: elsewhere }));
    expect(beside.code).toBe(VERIFY_EXIT.unusable);
    expect(beside.error).toContain('no mesh of this receipt runs here');
    // The contracts of a mesh that gave the reply are read, and this file has none.
    const own = await verify(whole, '--follow', '--dir', meshOf('near', { deploymentFile: trusted }));
    expect(own.code).toBe(VERIFY_EXIT.unusable);
    expect(own.error).toContain(trusted);
    expect(own.error).not.toContain('--follow needs');
  });

  it('prints skipped checks as JSON, too', async () => {
    const { out } = await verify(whole, '--json', '--allow', 'beacon');
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      allowed: ['beacon'],
      missing: expect.arrayContaining(['ledger']),
    });
  });

  it('takes request and response from files', async () => {
    const request = save('request.json', reply.request);
    const good = await verify(
      ...[bare, '--request', request, '--response', save('response.txt', reply.response), '--trust', trusted],
    );
    expect(good.code).toBe(VERIFY_EXIT.ok);
    const bad = await verify(bare, '--request', request, '--response', save('other.txt', 'another answer'));
    expect(bad.code).toBe(VERIFY_EXIT.failed);
    expect(bad.out).toMatch(/^FAIL +response-hash /m);
  });

  it('compares the answer of the API with the signed text', async () => {
    const content = Buffer.from(reply.response).toString();
    const run = (answer: unknown, receiptPath = whole) =>
      verify(receiptPath, '--trust', trusted, '--answer', save('answer.json', JSON.stringify(answer)));
    const shown = await run({ choices: [{ index: 0, message: { role: 'assistant', content } }] });
    expect([shown.code, shown.out]).toEqual([VERIFY_EXIT.ok, expect.stringMatching(/^ok +answer /m)]);
    expect((await run({ content })).code).toBe(VERIFY_EXIT.ok);
    const calls = [{ function: { name: 'rm', arguments: '{}' } }];
    for (const bad of [
      { content: `${content}!` },
      { content, reasoning_content: 'Hm.' },
      { content, tool_calls: calls },
      { content, tool_calls: 5, reasoning_content: 5 },
      { choices: [{ index: 1, message: { content } }] },
      { choices: [null] },
      null,
    ]) {
      const { code, out } = await run(bad);
      expect([code, out], JSON.stringify(bad)).toEqual([VERIFY_EXIT.failed, expect.stringMatching(/^FAIL +answer /m)]);
    }
    const broken = save('bad.json', bent({ response: toBase64(fill(1, 3)) }));
    expect((await run({ content }, broken)).out).toMatch(/^skip +answer /m);
    const { code } = await verify(whole, '--trust', trusted, '--answer', save('answer.json', '{'));
    expect(code).toBe(VERIFY_EXIT.unusable);
  });

  it('prints JSON for programs', async () => {
    const { out } = await verify(whole, '--json', '--trust', trusted);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      checks: expect.arrayContaining([expect.objectContaining({ id: 'draw-replay', status: 'pass' })]),
    });
  });

  it('fetches the opening of a compact receipt, and checks it', async () => {
    const opening = (receipt.opening as { bytes: Uint8Array }).bytes;
    const server = createServer((request, response) => response.end(request.url === '/good' ? opening : 'nonsense'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const compact = (url: string): string =>
      save(
        `compact${url.slice(1)}.json`,
        JSON.stringify({ ...toReceiptJson({ ...receipt, opening: { url } }), ...bodies }),
      );
    try {
      const offline = await verify(compact('/good'), '--trust', trusted);
      expect(offline.code).toBe(VERIFY_EXIT.unchecked);
      expect(offline.out).toMatch(/^skip +draw-replay /m);
      expect(offline.out).toMatch(/^posture: tier verified was asked for; method and class stand in the header/);
      const fetched = await verify(compact('/good'), '--gateway', gateway, '--trust', trusted);
      expect(fetched.out).toMatch(/^ok +draw-replay /m);
      expect(fetched.code).toBe(VERIFY_EXIT.ok);
      expect((await verify(compact('/bad'), '--gateway', gateway)).code).toBe(VERIFY_EXIT.failed);
    } finally {
      server.close();
    }
  });

  it('fetches an opening from no other host, in spite of the receipt or the gateway', async () => {
    const calls: string[] = [];
    const stranger = createServer((request, response) => {
      calls.push(request.url ?? '');
      response.end('opening');
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const at = `127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    const asked = createServer((_request, response) => response.writeHead(302, { location: `http://${at}/x` }).end());
    await new Promise<void>((resolve) => asked.listen(0, '127.0.0.1', resolve));
    const gateway = `http://127.0.0.1:${(asked.address() as AddressInfo).port}`;
    try {
      for (const url of [
        `http://${at}/x`,
        `//${at}/x`,
        `/\\${at}/x`,
        `\\\\${at}/x`,
        `/\t/${at}/x`,
        `${gateway}/x`,
        'x',
        '/sent-on',
      ]) {
        const file = save('elsewhere.json', bent({ opening: { url } }));
        const { code } = await verify(file, '--gateway', gateway, '--trust', trusted);
        expect(code, url).toBe(VERIFY_EXIT.unusable);
      }
      expect(calls).toEqual([]);
    } finally {
      stranger.close();
      asked.close();
    }
  });

  it.each([
    ['a file that is not there', ['missing.json'], /no such file/],
    ['a file that is no receipt', [save('text.json', 'hello')], /not JSON/],
    [
      'a receipt with two openings',
      [save('two.json', bent({ opening: { bytes: '', url: '/x' } }))],
      /either bytes or url/,
    ],
    ['a receipt whose request is no text', [save('body.json', bent({ request: 7 }))], /field request/],
    [
      'a receipt that nests too deep',
      [save('deep.json', `{"x":${'['.repeat(3000)}${']'.repeat(3000)}}`)],
      /deeper than 64/,
    ],
    ['trust with an unknown field', [whole, '--trust', save('odd.json', '{"modelRoot":{}}')], /trust.modelRoot/],
    ['trust that is no JSON', [whole, '--trust', save('odd.txt', 'x')], /not JSON/],
    [
      'a compact receipt that sends its reader elsewhere',
      [save('far.json', bent({ opening: { url: 'http://127.0.0.2:9/x' } })), '--gateway', 'http://127.0.0.1:9'],
      /by a path of http:\/\/127.0.0.1:9 only/,
    ],
    [
      'an address to read the chain from without the contracts on it',
      [whole, '--rpc-url', 'http://127.0.0.1:9'],
      /no use without --deployment/,
    ],
    ['a check to allow that no check is named like', [whole, '--allow', 'ALL'], /allow\[0\]/],
    ['a receipt of another format', [save('format.json', '{"format":"x"}')], /format/],
    ['no response', [bare], /--request and --response/],
    ['no receipt at all', [], /is missing/],
    ['an unknown flag', [whole, '--unknown'], /unknown flag/],
  ])('cannot use %s', async (_what, argv, message) => {
    const { code, error } = await verify(...argv);
    expect(code).toBe(VERIFY_EXIT.unusable);
    expect(error).toMatch(message);
  });
});
