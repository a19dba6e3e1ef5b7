import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { toBase64, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { openProgress, parseProgress } from '@ogong/protocol/exchange/progress';
import { openPart } from '@ogong/protocol/sealing/sealed-part';
import { toTrustJson } from '@ogong/protocol/stage1/trust';
import { FAKE_MODEL, type ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../../python', import.meta.url));
const env = { ...process.env, PYTHONPATH: 'src', PYTHONDONTWRITEBYTECODE: '1' };
const probe = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))']);
const absence = probe.status === 0 ? '' : 'no Python 3.11';

/** Python runs beside the gateway, whose event loop stays free. */
async function python(args: readonly string[]) {
  const child = spawn('python3', args, { cwd: FOLDER, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const status = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { errors: await text(child.stderr), status: await status };
}

/** Reads one call a line, makes it, and prints the result as one line. */
const CALLS = `
import json, sys
from ogong import Client, GatewayError, ReceiptError, SealedCallError

def answer_call(asked):
    client = Client(asked["url"], trust=asked["trust"], allow=asked["allow"], is_sealed=asked["sealed"], settlement_type=asked["settlement"])
    calls = {"messages": client.chat.completions.create, "prompt": client.completions.create, "input": client.embeddings.create, "inputs": client.infer}
    is_picture = "size" in asked["body"]
    create = client.images.generate if is_picture else next((call for name, call in calls.items() if name in asked["body"]), client.rerank)
    said = {"text": "", "error": None, "failed": [], "checks": []}
    try:
        if asked["body"].get("stream"):
            for chunk in create(**asked["body"]):
                for choice in chunk.choices:
                    said["text"] += choice.delta.get("content") or ""
        else:
            answer = create(**asked["body"])
            said["checks"] = [check.id for check in answer.verdicts[0].checks if check.status == "pass"]
            if is_picture:
                said["shown"] = [[one.width, one.height, len(one.pixels)] for one in answer.pictures]
            elif "choices" not in answer:
                said["shown"] = answer.get("outputs") or answer.get("results") or [len(one.embedding) for one in answer.data]
            else:
                choice = answer.choices[0]
                said["text"] = choice.get("text") or choice.message.content
    except ReceiptError as error:
        said["error"] = str(error)
        said["failed"] = error.verdict.failed if error.verdict else []
    except (SealedCallError, GatewayError) as error:
        said["error"] = f"{getattr(error, 'code', type(error).__name__)}: {error}"
    return said

for line in sys.stdin:
    print(json.dumps(answer_call(json.loads(line))), flush=True)
`;

/** One Python process for all calls of this file: a start compiles the whole package. Each call has a client of its own. */
function startCaller() {
  const child = spawn('python3', ['-c', CALLS], { cwd: FOLDER, env });
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    /** @throws Error with the output of Python if it ends before it answers. */
    async call(asked: unknown): Promise<string> {
      child.stdin.write(`${JSON.stringify(asked)}\n`);
      const { done, value } = await lines.next();
      if (done) throw new Error(`Python ended: ${errors.join('')}`);
      return value;
    },
    stop: () => void child.kill(),
  };
}

/** A gateway that shows something else than it was answered. */
async function lieInFront(url: string, change: (answer: string) => string) {
  const server = createServer(async (incoming, outgoing) => {
    const body = await text(incoming);
    const { method, headers } = incoming;
    const onward = request(new URL(incoming.url as string, url), { method, headers }).end(body);
    const [answer] = await once(onward, 'response');
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const said = Buffer.concat(chunks);
    const { 'content-length': _, 'transfer-encoding': __, ...kept } = answer.headers;
    const isShown = /completions|images/.test(incoming.url as string);
    outgoing.writeHead(answer.statusCode, kept).end(isShown ? change(said.toString('utf8')) : said);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
}

interface Png {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** The pixels of a gateway's PNG: one chunk of them, and rows with filter 0. */
function unpackPng(base64: string): Png {
  const png = Buffer.from(base64, 'base64');
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const rows = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  const pixels = rows.filter((_, i) => i % (1 + 3 * width) !== 0);
  return { width, height, pixels: new Uint8Array(pixels) };
}

function packPng({ width, height, pixels }: Png): Buffer {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const number = (value: number) => Buffer.from(value.toString(16).padStart(8, '0'), 'hex');
    return Buffer.concat([number(data.length), body, number(crc32(body))]);
  };
  const header = Buffer.from([0, 0, 0, width, 0, 0, 0, height, 8, 2, 0, 0, 0]);
  const rows = Array.from({ length: height }, (_, y) => [0, ...pixels.subarray(3 * width * y, 3 * width * (y + 1))]);
  const data = deflateSync(Buffer.from(rows.flat()));
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

describe.skipIf(absence !== '')(`the Python package${absence && ` (${absence})`}`, () => {
  // One file at a time: all of them in pure Python take minutes where the processors are busy.
  const suites = readdirSync(join(FOLDER, 'tests')).filter((name) => /^test_.*\.py$/.test(name));
  it.each(suites)('passes its own tests, of all vectors: %s', async (name) => {
    const { errors, status } = await python(['-m', 'unittest', `tests.${name.slice(0, -'.py'.length)}`]);
    expect(status, errors).toBe(0);
    expect(errors).toMatch(/^Ran [1-9]\d* test/m);
  });

  let caller: ReturnType<typeof startCaller> | undefined;
  afterAll(() => caller?.stop());

  let fixture: GatewayFixture | undefined;
  afterEach(async () => {
    await fixture?.close();
    // Not every test opens one.
    fixture = undefined;
  });

  async function ask(body: Readonly<Record<string, unknown>>, providers: ProviderBehaviour[] = [{}], allow?: string[]) {
    fixture = await createGatewayFixture({ providers });
    return call(fixture, body, { url: fixture.url, ...(allow && { allow }) });
  }

  async function call(
    { network: { chain } }: GatewayFixture,
    body: Readonly<Record<string, unknown>>,
    more: {
      readonly url: string;
      readonly allow?: readonly string[];
      readonly sealed?: boolean;
      readonly settlement?: string;
      readonly knowsValidators?: boolean;
    },
  ) {
    const { ledger, network } = chain;
    const asked = {
      url: `${more.url}/v1`,
      sealed: more.sealed ?? false,
      settlement: more.settlement ?? null,
      trust: toTrustJson({
        ...{ ledger, settlement: network.settlement },
        ...(more.knowsValidators && { validators: chain.validators() }),
      }),
      // The fixture's parties are in no list.
      allow: more.allow ?? ['router', 'validator', 'admission', 'intake', 'model-root'],
      body: { model: FAKE_MODEL, ...body },
    };
    caller ??= startCaller();
    const said = JSON.parse(await caller.call(asked));
    return said as { text: string; error: string | null; failed: string[]; checks: string[]; shown?: unknown[] };
  }

  const STORY = 'Once upon a time there was a small fox.';
  const messages = [{ role: 'user', content: 'Tell me a story' }];

  it('hands out answers whose receipts it checked, whole and streamed', async () => {
    const whole = await ask({ messages });
    expect(whole).toMatchObject({ text: STORY, error: null });
    expect(whole.checks).toEqual(expect.arrayContaining(['draw-replay', 'request-hash', 'record-signature', 'fee']));
    await fixture?.close();
    expect(await ask({ messages, stream: true })).toMatchObject({ text: STORY, error: null });
    await fixture?.close();
    const ogong = { sort: 'latency', max_price: '2000000' };
    expect(await ask({ prompt: 'Once', seed: 7, ogong })).toMatchObject({ text: STORY, error: null });
    const gateway = fixture as GatewayFixture;
    const refused = await call(gateway, { messages }, { url: gateway.url, settlement: 'everything' });
    expect(refused.error).toContain('x-settlement-type: expected one of');
  });

  it('hands out vectors and scores whose receipts it checked', async () => {
    const documents = ['hi', { text: 'it is a bear' }, 'a panda is a bear of China'];
    const checks = expect.arrayContaining(['commitment-root', 'vectors', 'sketch', 'inputs', 'blinding', 'fee']);
    for (const encoding_format of ['float', 'base64']) {
      const embedded = await ask({ input: ['one', 'two'], encoding_format });
      expect(embedded).toMatchObject({ error: null, checks });
      expect(embedded.shown).toHaveLength(2);
      await fixture?.close();
    }
    const many = await ask({ input: Array.from({ length: 257 }, (_, i) => `text ${i}`) });
    expect([many.error, (many.shown as number[]).length]).toEqual([null, 257]);
    expect(fixture?.network.orders).toHaveLength(2);
    await fixture?.close();
    const ranked = await ask({ query: 'what is a panda?', documents, top_n: 2, return_documents: true });
    expect(ranked).toMatchObject({ error: null, checks });
    expect(ranked.shown).toHaveLength(2);
  });

  it('hands out tensors whose receipts it checked', async () => {
    const made = await ask({ inputs: { x: [[1, 2, 0.5]] }, outputs: ['label', 'sum'] });
    const checks = expect.arrayContaining(['commitment-root', 'tensors', 'inputs', 'blinding', 'fee']);
    const sum = { dtype: 'float32', shape: [1], data: [3.5] };
    expect(made).toMatchObject({ error: null, checks, shown: { sum } });
  });

  it('hands out pictures whose receipts it checked, and no other ones', async () => {
    const asks = {
      prompt: 'a small fox',
      n: 2,
      size: '40x24',
      steps: 4,
      guidance_scale: 2.5,
      ogong: { sort: 'latency' },
    };
    const made = await ask(asks);
    const checks = [
      'commitment-root',
      'choices',
      'draw-key',
      'response-size',
      'pixels',
      'sketch-bank',
      'blinding',
      'fee',
    ];
    const shown = Array(2).fill([40, 24, 3 * 40 * 24]);
    expect(made).toMatchObject({ error: null, shown, checks: expect.arrayContaining(['request-hash', ...checks]) });
    const gateway = fixture as GatewayFixture;
    const seeded = { ...asks, n: 1, seed: -3, sampler: 'flow-match', response_format: 'url', size: 'auto' };
    expect(await call(gateway, seeded, { url: gateway.url })).toMatchObject({ error: null, shown: [[32, 32, 3072]] });

    const ten = { ...asks, n: 10, steps: 1 };
    expect(await call(gateway, ten, { url: gateway.url })).toMatchObject({
      error: null,
      shown: Array(10).fill(shown[0]),
    });

    for (const [bend, failed] of [
      [
        ({ pixels }: Png) => packPng({ width: 32, height: 32, pixels: pixels.with(5, (pixels[5] as number) ^ 1) }),
        'response-hash',
      ],
      [({ pixels }: Png) => packPng({ width: 64, height: 16, pixels }), 'answer'],
    ] as const) {
      const change = (said: string) =>
        said.replace(/(?<=data:image\/png;base64,)[^"]+/, (base64) => bend(unpackPng(base64)).toString('base64'));
      const front = await lieInFront(gateway.url, change);
      expect(await call(gateway, seeded, front)).toMatchObject({ failed: expect.arrayContaining([failed]) });
      front.close();
    }
    const sealed = await call(gateway, asks, { url: gateway.url, sealed: true });
    expect(sealed.error).toContain('not sealed');
  });

  it('checks a picture that was bought as a chain link by link', async () => {
    // A step of 32x32 pixels is expected to take 50 ms: two steps an order.
    fixture = await createGatewayFixture({ providers: [{}], longestOrderMs: 100 });
    const asks = { prompt: 'a small fox', n: 2, size: '32x32', steps: 6 };
    const shown = Array(2).fill([32, 32, 3072]);
    const checks = expect.arrayContaining(['choices', 'pixels', 'chain']);
    expect(await call(fixture, asks, { url: fixture.url })).toMatchObject({ error: null, shown, checks });
    for (const lie of [
      (receipts: readonly unknown[]) => [...receipts.slice(1, 3), ...receipts.slice(4)],
      (receipts: readonly unknown[]) => receipts.toReversed(),
      (receipts: readonly unknown[]) => [receipts[0], receipts[2], receipts[1], ...receipts.slice(3)],
    ]) {
      const front = await lieInFront(fixture.url, (said) => {
        const body = JSON.parse(said);
        return JSON.stringify({ ...body, ogong: { receipts: lie(body.ogong.receipts) } });
      });
      expect((await call(fixture, asks, front)).failed).toContain('request-hash');
      front.close();
    }
  });

  it('compares shown calls with the signed text, whole and streamed', async () => {
    const weather = { type: 'function', function: { name: 'weather', parameters: { type: 'object' } } };
    const asks = { messages, tools: [weather] };
    fixture = await createGatewayFixture({ providers: [{}] });
    const checks = expect.arrayContaining(['answer', 'response-hash']);
    expect(await call(fixture, asks, { url: fixture.url })).toMatchObject({ error: null, checks });
    expect(await call(fixture, { ...asks, stream: true }, { url: fixture.url })).toMatchObject({ error: null });
    // A gateway may show something else than it stores.
    const lie = (text: string) => text.replaceAll('Paris', 'Texas').replaceAll('I look', 'I lied');
    for (const stream of [false, true]) {
      const front = await lieInFront(fixture.url, lie);
      const said = await call(fixture, { ...asks, stream }, front);
      expect(said).toMatchObject({ failed: ['answer'] });
      front.close();
    }
    // Nor is a text that a piece of reasoning stands beside, which nobody signed.
    const reason = (text: string) => text.replace('"content":"Once', '"reasoning_content":" ","content":"Twice');
    const front = await lieInFront(fixture.url, reason);
    for (const stream of [false, true]) {
      expect(await call(fixture, { messages, stream }, front)).toMatchObject({ failed: ['answer'] });
    }
    front.close();
  });

  describe('that seals its calls', () => {
    const PROMPT = 'The zebra Quixambre hid a turquoise umbrella.';
    const WORDS = ['Quixambre', ' has', ' gone', ' to', ' the', ' lagoon', ' of', ' Vandobel', '.'];
    const ANSWER = WORDS.join('');
    const asks = { messages: [{ role: 'user', content: PROMPT }] };
    const closing: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });

    /** A proxy before a gateway that notes all traffic, and may change an answer. */
    async function watch(url: string, change?: (path: string, answer: string) => string) {
      const passed: string[] = [];
      const paths: string[] = [];
      const statuses: number[] = [];
      const server = createServer(async (incoming, outgoing) => {
        const body = await buffer(incoming);
        passed.push(body.toString('latin1'));
        paths.push(incoming.url as string);
        const { method, headers } = incoming;
        const onward = request(new URL(incoming.url as string, url), { method, headers }).end(body);
        const [answer] = await once(onward, 'response');
        statuses.push(answer.statusCode);
        if (!change) {
          // As it comes: a client answers while a stream runs.
          outgoing.writeHead(answer.statusCode, answer.headers);
          const at = passed.push('') - 1;
          answer.on('data', (chunk: Buffer) => {
            passed[at] += chunk.toString('latin1');
          });
          return void answer.pipe(outgoing);
        }
        const said = await text(answer);
        passed.push(said);
        const { 'content-length': _, ...kept } = answer.headers;
        outgoing.writeHead(answer.statusCode, kept).end(change(incoming.url as string, said));
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      closing.push(() => new Promise((resolve) => void server.close(resolve)));
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, passed, paths, statuses };
    }

    const openSealing = async (behaviours: readonly ProviderBehaviour[] = [{}]) => {
      const providers = behaviours.map((one) => ({ seals: true, words: WORDS, ...one }));
      fixture = await createGatewayFixture({ providers });
      return fixture;
    };
    const readable = (passed: readonly string[], gateway: GatewayFixture): string => {
      const files = readdirSync(gateway.directory).map((name) => readFileSync(join(gateway.directory, name), 'latin1'));
      return [...passed, ...gateway.log, ...files].join('\n');
    };

    it('has answers checked, and its gateway sees neither prompt nor answer', async () => {
      const gateway = await openSealing();
      const { url, passed, paths, statuses } = await watch(gateway.url);
      const sealed = { url, sealed: true };
      const whole = await call(gateway, asks, sealed);
      expect(whole).toMatchObject({ error: null, text: ANSWER });
      expect(whole.checks).toEqual(expect.arrayContaining(['draw-replay', 'request-hash', 'blinding', 'fee']));
      expect(await call(gateway, { ...asks, stream: true }, sealed)).toMatchObject({ error: null, text: ANSWER });
      expect(await call(gateway, { prompt: PROMPT, temperature: 0 }, sealed)).toMatchObject({
        error: null,
        text: ANSWER,
      });
      const input = [PROMPT, ...Array<string>(256).fill('b')];
      const embedded = await call(gateway, { input }, sealed);
      expect(embedded).toMatchObject({ error: null, shown: Array(257).fill(32) });
      expect(embedded.checks).toContain('vectors');
      const tensors = await call(gateway, { inputs: { x: [[1.03125, 2, 0.5]] }, outputs: ['sum'] }, sealed);
      expect(tensors).toMatchObject({ error: null, shown: { sum: { dtype: 'float32', shape: [1], data: [3.53125] } } });
      expect(tensors.checks).toContain('tensors');
      const seen = readable(passed, gateway);
      // It saw that there were calls, and their receipts.
      expect(seen).toContain('prompt_bound');
      for (const word of [
        'Quixambre',
        'turquoise',
        'Vandobel',
        '1.03125',
        '3.53125',
        Buffer.from(PROMPT).toString('base64').slice(4, 40),
      ])
        expect(seen).not.toContain(word);
      expect(paths.filter((path) => /completions|embeddings|infer/.test(path))).toEqual([]);
      // The gateway accepted the client's statement for each.
      expect(paths.filter((path) => path.endsWith('/outcome'))).toHaveLength(6);
      expect(new Set(statuses)).toEqual(new Set([200]));
    });

    it('has a capsule for each piece where it demands that', async () => {
      const gateway = await openSealing();
      const { url, passed } = await watch(gateway.url);
      const demanding = { ...asks, ogong: { seal_suite: 2 } };
      expect(await call(gateway, demanding, { url, sealed: true })).toMatchObject({ error: null, text: ANSWER });
      const units = passed.flatMap((said) =>
        [...said.matchAll(/"unit":\s*"([^"]+)"/g)].map(([, unit]) => unit as string),
      );
      expect(units.length).toBeGreaterThanOrEqual(WORDS.length);
      for (const unit of units) expect(Buffer.from(unit, 'base64').length).toBeGreaterThan(1_120);
    });

    it('signs for a long answer as it comes, by a hash', async () => {
      const words = Array.from({ length: 40 }, (_, i) => ` ${i}`.padEnd(40, 'x'));
      // Its end comes once its payer has signed for the beginning.
      const waitAt = (token: number) =>
        token === 30 ? vi.waitUntil(() => fixture?.network.words.length, { timeout: 60_000 }) : undefined;
      const gateway = await openSealing([{ words, waitAt }]);
      const { url } = await watch(gateway.url);
      const long = await call(gateway, { ...asks, max_tokens: 40 }, { url, sealed: true });
      expect(long).toMatchObject({ error: null, text: words.join('') });
      // The gateway signed what the client said: a hash under a blind that the gateway does not know.
      const said = parseProgress(gateway.network.words[0]?.progress?.progress ?? new Uint8Array());
      expect(said.textBytes).toBeGreaterThanOrEqual(512);
      expect(said.textHash).not.toEqual(new Uint8Array(32));
    });

    it('sends nothing in plain where a gateway seals nothing, or shows another key', async () => {
      const gateway = await openSealing([{ seals: false }]);
      const { url, paths } = await watch(gateway.url);
      const refused = await call(gateway, asks, { url, sealed: true });
      expect(refused).toMatchObject({ text: '', error: expect.stringMatching(/\S/) });
      expect(paths.every((path) => path === '/v1/ogong/offers')).toBe(true);
      await gateway.close();
      const other = await openSealing();
      const bent = await watch(other.url, (path, answer) => {
        if (path !== '/v1/ogong/offers') return answer;
        const offer = JSON.parse(answer);
        return JSON.stringify({ ...offer, sealKey: { ...offer.sealKey, publicKey: offer.ticket.publicKey } });
      });
      const forged = await call(other, asks, { url: bent.url, sealed: true });
      expect(forged).toMatchObject({ text: '', error: expect.stringContaining('seal-key') });
      expect(bent.paths).toEqual(['/v1/ogong/offers']);
    });

    it('hands out nothing of a reply that was changed on its way', async () => {
      const gateway = await openSealing([{}, {}, {}]);
      const { url, paths } = await watch(gateway.url, (path, answer) =>
        path === '/v1/ogong/replies'
          ? answer.replace(/("unit":"[^"]{40})(.)/, (_, head, one) => head + (one === 'A' ? 'B' : 'A'))
          : answer,
      );
      const changed = await call(gateway, asks, { url, sealed: true });
      expect(changed).toMatchObject({ text: '', error: expect.stringContaining('malformed') });
      // Two others were asked, each once.
      expect(paths.filter((path) => path === '/v1/ogong/replies')).toHaveLength(3);
    });

    const LONG = Array.from({ length: 110 }, (_, i) => ` Quixambre${i}`);
    const long = { ...asks, stream: true, max_tokens: 200 };
    /** The first that is asked dies there. */
    const mortal = (dieAfter: number, more: ProviderBehaviour): ProviderBehaviour => {
      const left = [dieAfter];
      return Object.defineProperties(
        { seals: true, words: LONG, milestones: [64, 96] },
        {
          ...Object.getOwnPropertyDescriptors(more),
          dieAfter: { get: () => left.pop() ?? Number.POSITIVE_INFINITY },
        },
      );
    };

    it('goes on where its provider dies in mid-stream, and what stands of it is paid past its gateway', async () => {
      const provider = mortal(100, {});
      const gateway = await createGatewayFixture({ providers: [provider, provider] });
      fixture = gateway;
      const { url, passed } = await watch(gateway.url);
      const allow = ['router', 'model-root'];
      const said = await call(gateway, long, { url, sealed: true, knowsValidators: true, allow });
      expect(said).toMatchObject({ error: null, text: LONG.join('') });
      const { orders, milestones, chain, validatorKeys, complaints } = gateway.network;
      expect(orders).toHaveLength(2);
      await expect.poll(() => milestones.length).toBe(1);
      const { push, sealed } = milestones[0]!;
      const { ledger } = chain;
      const { replyId, requestHash, validator } = orders[0]!;
      const recordHash = hashRecord(nobleCrypto, push?.record?.record ?? new Uint8Array());
      const index = chain.validators().findIndex(({ address }) => toHex(address) === toHex(validator));
      const inner = openPart(
        { seal: nodeSeal },
        {
          milestone: { ledger, validator, replyId, requestHash, recordHash },
          ...{ envelope: sealed, findKey: validatorKeys[index]!.find },
        },
      );
      const standing = utf8Encode(LONG.slice(0, 96).join(''));
      expect(inner).toMatchObject({ endpoint: 'chat', response: standing });
      const { answer: blind } = computeBlinds(nobleCrypto, { body: inner.body, replyId });
      const order = orders[0]!;
      const word = openProgress(nobleCrypto, { ledger, order }, push!.progress!, { blind, text: standing });
      expect(word).toMatchObject({ hasLeft: true, textBytes: standing.length });
      expect(complaints).toEqual([]);
      expect(readable(passed, gateway)).not.toContain('Quixambre');
    });

    it('does not go on with a provider that says something else than was shown', async () => {
      let served = 0;
      const provider = mortal(4, {
        get words() {
          return served++ === 0 ? LONG : WORDS;
        },
      });
      fixture = await createGatewayFixture({ providers: [provider, provider, provider] });
      const said = await call(fixture, long, { url: fixture.url, sealed: true });
      expect(said).toMatchObject({ error: expect.stringContaining('repeated'), text: LONG.slice(0, 4).join('') });
      expect(fixture.network.orders).toHaveLength(3);
    });

    it('hands in no milestone that its opening refutes', async () => {
      const bendMilestone: ProviderBehaviour['bendMilestone'] = {
        row: (honest, at) => (at === 70 ? { ...honest, rank: honest.rank === 0 ? 1 : 0 } : honest),
      };
      fixture = await createGatewayFixture({ providers: [mortal(100, { bendMilestone })] });
      const { url, paths } = await watch(fixture.url);
      const allow = ['router', 'model-root'];
      const said = await call(fixture, long, { url, sealed: true, knowsValidators: true, allow });
      expect(said).toMatchObject({ error: expect.stringContaining('provider_failed') });
      // Python waits for what it hands in before it ends.
      expect(paths.filter((path) => path.endsWith('/outcome'))).toEqual([]);
      expect(fixture.network.milestones).toEqual([]);
    });

    it('seals nothing where its gateway shows a key that the validator has not signed', async () => {
      const gateway = await openSealing();
      const { url, paths } = await watch(gateway.url, (path, answer) => {
        if (path !== '/v1/ogong/offers') return answer;
        const offer = JSON.parse(answer);
        const signature = toBase64(new Uint8Array(65).fill(27));
        return JSON.stringify({ ...offer, validatorKey: { ...offer.validatorKey, signature } });
      });
      const allow = ['router', 'model-root'];
      const said = await call(gateway, asks, { url, sealed: true, knowsValidators: true, allow });
      expect(said).toMatchObject({ text: '', error: expect.stringContaining('seal-key') });
      expect(paths).toEqual(['/v1/ogong/offers']);
    });
  });

  it('names a seed in a stream, which goes on where its provider dies', async () => {
    const left = [3];
    const mortal: ProviderBehaviour = {
      get dieAfter() {
        return left.pop() ?? Number.POSITIVE_INFINITY;
      },
    };
    expect(await ask({ messages, stream: true }, [mortal, mortal])).toMatchObject({ text: STORY, error: null });
    expect(fixture?.network.orders).toHaveLength(2);
  });

  it('keeps back an answer where a check is missing that nobody allowed', async () => {
    const answer = await ask({ messages }, [{}], ['router', 'validator', 'admission', 'intake']);
    expect(answer).toMatchObject({ text: '', failed: [], error: expect.stringContaining('model-root') });
  });
});
