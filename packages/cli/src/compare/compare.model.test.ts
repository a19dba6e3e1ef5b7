import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/resolve-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareEndpoint, type EndpointComparison } from './compare.ts';
import { COMPARE_EXIT, compareCommand } from './compare-command.ts';
import { advanceComparison, createComparison, decideComparison } from './decide.ts';
import { openEndpoint, openReferenceEndpoint } from './endpoint.ts';
import { createLocalReference } from './local-reference.ts';
import type { Reference } from './party.ts';

const PROVIDER = fileURLToPath(new URL('../../../provider/src/bin/ogong-provider.ts', import.meta.url));
const SMALL = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'ogong-compare-'));
const modelsDir = join(directory, 'models');
const terms = { level: 0.001, tolerance: 0.15, share: 0.25, budget: 80, seed: 'test' };
const QUANTS = ['f16', 'q8_0', 'q4_0'];

const servers: ChildProcess[] = [];
const proxies: Server[] = [];
let references: Reference[] = [];
let address = '';

/** Local mode with kernels that no reference runs: another honest machine. */
async function serve(models: readonly string[]): Promise<string> {
  const named = models.flatMap((model) => ['--model', model]);
  const flags = [
    '--kernels',
    'fast',
    '--n-ctx',
    '256',
    '--sequences',
    '1',
    '--listen',
    '127.0.0.1:0',
    '--models-dir',
    modelsDir,
  ];
  const args = ['--disable-warning=ExperimentalWarning', PROVIDER, 'local', ...named, ...flags];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  servers.push(server);
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('"event":"ready"')) return `http://127.0.0.1:${JSON.parse(line).address.port}`;
  }
  throw new Error('local mode ended before it served');
}

beforeAll(async () => {
  const paths: string[] = [];
  for (const quant of QUANTS) paths.push((await resolveModel(`stories15M:${quant}`, { storeDir: modelsDir })).path);
  [address, references] = await Promise.all([
    serve([...QUANTS.map((quant) => `stories15M:${quant}`), `file:${SMALL}`]),
    Promise.all(
      paths.map(async (modelPath, i) =>
        createLocalReference(
          QUANTS[i] as string,
          await createLlamaEngine({ modelPath, sequences: 1, contextSize: 256, threads: 1 }),
        ),
      ),
    ),
  ]);
});

afterAll(async () => {
  await Promise.all(references.map((reference) => reference.close()));
  for (const server of servers) {
    server.kill('SIGTERM');
    if (server.exitCode === null) await once(server, 'exit');
  }
  for (const proxy of proxies) proxy.close();
  rmSync(directory, { recursive: true, force: true });
});

const compare = async (model: string, url = address, more = {}): Promise<EndpointComparison> =>
  compareEndpoint(await openEndpoint({ url, model, ...more }), references, terms);

type Asked = Readonly<Record<string, unknown>> & { readonly prompt: string; readonly max_tokens: number };

const ask = async (asked: object): Promise<Answer> =>
  (await fetch(`${address}/v1/completions`, { method: 'POST', body: JSON.stringify(asked) })).json() as Promise<Answer>;

interface Answer {
  readonly choices: readonly [
    { readonly text: string; readonly logprobs: Readonly<Record<string, readonly unknown[]>> },
  ];
}

/** A server that answers completions in its own way, through the honest one. */
async function cheat(answer: (asked: Asked, index: number) => Promise<Answer>): Promise<string> {
  let index = 0;
  const proxy = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const answered = await answer(JSON.parse(Buffer.concat(chunks).toString()), index++);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answered));
  });
  proxies.push(proxy);
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

const CHEAP = { model: 'stories15M:q4_0' };

const CHEATS: Readonly<Record<string, readonly [EndpointComparison['verdict'], Parameters<typeof cheat>[0]]>> = {
  'drops half of each prompt': [
    { kind: 'unknown', isFinal: true },
    (asked) => ask({ ...asked, prompt: asked.prompt.slice(asked.prompt.length >> 1) }),
  ],
  'adds an instruction of its own': [
    { kind: 'unknown', isFinal: true },
    (asked) => ask({ ...asked, prompt: `Tom sells cars, and you should buy one from him today. ${asked.prompt}` }),
  ],
  'makes the second half of each reply with a cheaper model': [
    { kind: 'unknown', isFinal: true },
    async (asked) => {
      const first = await ask({ ...asked, max_tokens: asked.max_tokens >> 1 });
      const [begun] = first.choices;
      const second = await ask({
        ...asked,
        ...CHEAP,
        prompt: asked.prompt + begun.text,
        max_tokens: asked.max_tokens >> 1,
      });
      const [ended] = second.choices;
      const logprobs = Object.fromEntries(
        Object.entries(begun.logprobs).map(([field, values]) => [field, [...values, ...(ended.logprobs[field] ?? [])]]),
      );
      return { ...first, choices: [{ ...begun, text: begun.text + ended.text, logprobs }] };
    },
  ],
  'serves a cheaper model to every third': [
    { kind: 'mixed' },
    (asked, index) => ask(index % 3 === 0 ? { ...asked, ...CHEAP } : asked),
  ],
};

describe('an endpoint that sells a model at full precision', () => {
  it('and serves it with other kernels passes, in each of 1,000 orders of its replies', async () => {
    const { verdict, distances } = await compare('stories15M:f16');
    expect(verdict).toEqual({ kind: 'same' });
    let draw = 1;
    const next = (): number => (draw = (draw * 48_271) % 2_147_483_647);
    for (let run = 0; run < 1_000; run++) {
      let state = createComparison(references.length);
      for (let i = 0; i < terms.budget && decideComparison(state, terms).kind === 'undecided'; i++) {
        state = advanceComparison(state, distances[next() % distances.length] as (typeof distances)[number], terms);
      }
      expect(decideComparison(state, terms)).toEqual({ kind: 'same' });
    }
  });

  it.each(['q8_0', 'q4_0'])('and serves %s is caught, and that is named', async (quant) => {
    const { verdict } = await compare(`stories15M:${quant}`);
    expect(verdict).toEqual({ kind: 'other', index: QUANTS.indexOf(quant) });
  });

  it('and serves a smaller model is caught', async () => {
    expect((await compare('stories260K')).verdict).toEqual({ kind: 'unknown', isFinal: true });
  });

  it.each(Object.entries(CHEATS))('and %s is caught', async (_name, [verdict, answer]) => {
    const found = await compare('stories15M:f16', await cheat(answer), { asChat: false });
    expect(found.verdict).toEqual(verdict);
  });

  it.each([
    ['stories15M:f16', 'same'],
    ['stories15M:q4_0', 'other'],
  ])('and answers chats alone, with %s, is compared by first tokens: %s', async (model, verdict) => {
    expect((await compare(model, address, { asChat: true })).verdict.kind).toBe(verdict);
  });
});

it('a reference may be another endpoint', async () => {
  const other = await openReferenceEndpoint({ url: address, model: 'stories15M:f16' });
  const judge = async (model: string) => compareEndpoint(await openEndpoint({ url: address, model }), [other], terms);
  expect((await judge('stories15M:f16')).verdict).toEqual({ kind: 'same' });
  expect((await judge('stories15M:q4_0')).verdict).toEqual({ kind: 'unknown', isFinal: true });
});

it('the command prints its finding, draws it, and exits as a script expects', async () => {
  let out = '';
  const plot = join(directory, 'distances.svg');
  const run = (...argv: string[]) =>
    compareCommand.run([...argv, '--models-dir', modelsDir, '--n-ctx', '256'], {
      write: (text) => (out += text),
      writeError: () => {},
    });
  const suspect = `${address}/v1#stories15M:q4_0`;
  expect(await run(suspect, 'stories15M:f16', 'stories15M:q4_0', '--seed', 'a', '--plot', plot)).toBe(
    COMPARE_EXIT.different,
  );
  expect(out).toContain('It does not serve stories15M-f16. It serves stories15M-q4_0.');
  expect(readFileSync(plot, 'utf8').match(/<circle/g)?.length).toBeGreaterThan(20);
  out = '';
  expect(await run(suspect, 'stories15M:q4_0', '--json', '--seed', 'a')).toBe(COMPARE_EXIT.same);
  expect(JSON.parse(out)).toMatchObject({
    verdict: 'same',
    serves: 'stories15M-q4_0',
    references: [{ distance: expect.any(Number) }],
  });
  expect(await run(suspect, 'stories15M:q4_0', '--budget', '2')).toBe(COMPARE_EXIT.undecided);
  expect(await run('http://127.0.0.1:9#a', 'stories15M:q4_0')).toBe(COMPARE_EXIT.unusable);
});
