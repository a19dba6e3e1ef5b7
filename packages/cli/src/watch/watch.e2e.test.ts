import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/resolve-model';
import { EXIT } from '@ogong/host/log/errors';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { logsCommand } from './logs-command.ts';
import { topCommand } from './top-command.ts';

const STORIES = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const MODEL = 'ogong/verified/test/stories';
const MARKER = 'xylophone-marker';
const patience = { timeout: 180_000, interval: 500 };

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
  readonly links?: readonly { readonly traceId: string }[];
}

interface Answer {
  readonly ogong: { readonly receipts: readonly [{ readonly reply_id: string }] };
  readonly usage: { readonly completion_tokens: number };
  readonly choices: readonly [{ readonly message: { readonly content: string } }];
}

let directory: string;
let mesh: Mesh;
let collector: Server;
/** The bodies of the daemons, as received. */
const bodies: string[] = [];

const spansOf = (traceId: string): Span[] =>
  bodies
    .flatMap((body) => JSON.parse(body).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }) => spans as Span[])
    .filter((span) => span.traceId === traceId);
const roleOf = ({ attributes }: Span): string | undefined =>
  attributes.find(({ key }) => key === 'ogong.role')?.value.stringValue;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-watch-'));
  collector = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      bodies.push(body);
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { modelRoot: root } = await resolveModel(`file:${STORIES}`, { storeDir: directory });
  const options: MeshOptions = {
    directory: join(directory, 'mesh'),
    model: { path: STORIES, id: MODEL, root },
    ...{ providers: 2, validators: 2, beacon: 'vrf' },
    // Both are reached through the relay alone.
    relay: { providers: 2 },
    otlp: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
  };
  const ports = assignPorts(await findFreePorts(countPorts(options)), options);
  mesh = await startMesh({ ...options, ports, isLasting: true });
  // Daemons serve before the router knows them.
  const readModels = async () => (await fetch(`${mesh.plan.gatewayUrl}/v1/models`)).text();
  await vi.waitFor(async () => expect(await readModels()).toContain(MODEL), patience);
});
afterAll(async () => {
  await mesh?.stop();
  collector?.closeAllConnections();
  collector?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function run(command: typeof topCommand, ...argv: string[]) {
  const [written, errors]: [string[], string[]] = [[], []];
  const code = await command.run(argv, {
    write: (part) => void written.push(part),
    writeError: (part) => void errors.push(part),
  });
  return { code, text: written.join(''), error: errors.join('') };
}

async function ask(headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const response = await fetch(`${mesh.plan.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: MODEL, max_tokens: 8, messages: [{ role: 'user', content: `Say ${MARKER}` }] }),
  });
  const answer = (await response.json()) as Answer;
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer;
}

it('a reply is one trace from its order to its settlement, at every daemon that knows it', async () => {
  const caller = { traceId: 'a1'.repeat(16), spanId: 'b2'.repeat(8) };
  const answer = await ask({ traceparent: `00-${caller.traceId}-${caller.spanId}-01` });
  const replyId: string = answer.ogong.receipts[0].reply_id;
  await expect
    .poll(() => spansOf(replyId).map(({ name }) => name), patience)
    .toEqual(
      expect.arrayContaining([
        ...['match', 'order', 'answer', 'check', `chat ${MODEL}`, 'learn verdict', 'learn settlement'],
        ...['have it admitted', 'serve', 'relay', 'hand record in'],
        ...['admit', 'take record', 'hear delivery', 'verdict', 'co-sign', 'settle'],
      ]),
    );
  const spans = spansOf(replyId);
  expect(new Set(spans.map(roleOf))).toEqual(new Set(['gateway', 'router', 'provider', 'validator']));
  const whole = spans.find(({ name }) => name.startsWith('chat ')) as Span;
  for (const span of spans)
    if (span !== whole) expect([span.name, span.parentSpanId]).toEqual([span.name, whole.spanId]);
  // A relay cannot tell whose bytes it carries: its own spans stand in a trace of the link, to which the provider's span leads.
  const relayed = spans.find(({ name }) => name === 'relay') as Span;
  const circuit = relayed.links?.[0]?.traceId as string;
  expect(relayed.links).toHaveLength(1);
  await expect.poll(() => spansOf(circuit).map((span) => [roleOf(span), span.name])).toEqual([['relay', 'join']]);
  // The program that asked has the call in its own trace, with the way to this one.
  expect(whole.links).toMatchObject([caller]);
  expect(spansOf(caller.traceId)).toMatchObject([{ parentSpanId: caller.spanId, links: [{ traceId: replyId }] }]);
  const told = Object.fromEntries(whole.attributes.map(({ key, value }) => [key, value]));
  expect(told).toMatchObject({
    'gen_ai.operation.name': { stringValue: 'chat' },
    'gen_ai.provider.name': { stringValue: 'ogong' },
    'gen_ai.request.model': { stringValue: MODEL },
    'gen_ai.usage.output_tokens': { intValue: String(answer.usage.completion_tokens) },
  });
  // No span contains any part of a request or an answer.
  const sent = bodies.join('\n');
  expect(sent).not.toContain(MARKER);
  expect(sent).not.toContain(JSON.stringify(answer.choices[0].message.content).slice(1, -1));

  const life = await run(logsCommand, '--mesh-dir', mesh.plan.directory, '--reply', replyId, '--json');
  expect([life.code, life.error]).toEqual([EXIT.ok, '']);
  const { steps } = JSON.parse(life.text) as { steps: { daemon: string; name: string; replyId: string }[] };
  // Steps of a verifier's jobs stand beside them, under ids of their own.
  const own = steps.filter((step) => step.replyId === replyId);
  expect(new Set(own.map(({ name }) => name))).toEqual(new Set(spans.map(({ name }) => name)));
  expect(steps.map(({ daemon }) => daemon)).toEqual(expect.arrayContaining(['gateway', 'router', 'relay']));
  expect(life.text).not.toContain(MARKER);
  const shown = await run(logsCommand, '--mesh-dir', mesh.plan.directory, '--reply', replyId);
  expect(shown.text).toMatch(/\+\d+ ms +validator-\d +settle/);
});

it('shows all daemons and their sums', async () => {
  await ask();
  const argv = ['--once', '--json', '--interval', '500ms', '--mesh-dir', mesh.plan.directory];
  let report: Record<string, unknown> & { readonly daemons: readonly { role: string; problem?: string }[] };
  // A daemon that has no processor for seconds is shown with a problem, and the request settles a while later.
  await expect
    .poll(async () => {
      const { code, text } = await run(topCommand, ...argv);
      report = JSON.parse(text);
      return [code, report.daemons.map(({ problem }) => problem), Number(report.batchesSettled) > 0];
    }, patience)
    .toEqual([EXIT.ok, Array(9).fill(undefined), true]);
  expect(report!.daemons.map(({ role }) => role).sort()).toEqual([
    'gateway',
    'provider',
    'provider',
    'relay',
    'router',
    'validator',
    'validator',
    'verifier',
    'verifier',
  ]);
  expect(Object.keys(report!.verdicts as object).length).toBeGreaterThan(0);
  expect(report!.epoch).toBeGreaterThan(0);
});
