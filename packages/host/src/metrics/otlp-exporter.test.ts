import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createOtlpExporter } from './otlp-exporter.ts';
import { createReplySteps } from './reply-steps.ts';

const REPLY = '4bf92f3577b34da6a3ce929d0e0e4736';
const options = { endpoint: 'http://collector', service: 'ogong-gatewayd', role: 'gateway', intervalMs: 3_600_000 };

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code: number; readonly message: string };
}

/** Collects an exporter's requests. */
function collect(share = 1) {
  const steps = createReplySteps({ nowMs: () => 1_700_000_000_123 });
  const bodies: string[] = [];
  const errors: unknown[] = [];
  let isDown = false;
  const exporter = createOtlpExporter(
    { ...options, share },
    {
      steps,
      randomBytes,
      onError: (error) => errors.push(error),
      async send(_url, body) {
        if (isDown) throw new Error('refused');
        bodies.push(body);
      },
    },
  );
  const spans = (): Span[] => bodies.flatMap((body) => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans as Span[]);
  return {
    steps,
    exporter,
    bodies,
    spans,
    errors,
    fall() {
      isDown = true;
    },
  };
}

it('sends a reply as one trace: the whole reply, and its steps below it', async () => {
  const { steps, exporter, bodies, spans } = collect();
  steps.add(REPLY, 'check', { startMs: 1_700_000_000_100, attributes: { ok: true, share: 0.5, count: 3 } });
  steps.add(REPLY, 'chat m', { isWhole: true, failure: 'no_provider' });
  await exporter.stop();
  const [check, whole] = spans() as [Span, Span];
  expect(check).toMatchObject({
    ...{ traceId: REPLY, parentSpanId: whole.spanId, name: 'check', kind: 1 },
    ...{ startTimeUnixNano: '1700000000100000000', endTimeUnixNano: '1700000000123000000' },
  });
  expect(Object.fromEntries(check.attributes.map(({ key, value }) => [key, value]))).toEqual({
    'ogong.role': { stringValue: 'gateway' },
    'ogong.reply_id': { stringValue: REPLY },
    ok: { boolValue: true },
    share: { doubleValue: 0.5 },
    count: { intValue: '3' },
  });
  expect(check.spanId).toMatch(/^[0-9a-f]{16}$/);
  expect(whole).toMatchObject({ traceId: REPLY, kind: 2, status: { code: 2, message: 'no_provider' } });
  expect(whole.parentSpanId).toBeUndefined();
  const [{ resource }] = JSON.parse(bodies[0] as string).resourceSpans;
  expect(resource.attributes[0]).toEqual({ key: 'service.name', value: { stringValue: 'ogong-gatewayd' } });
});

it("writes the call into the caller's trace, too, and links both; a verifier's job is linked", async () => {
  const { steps, exporter, spans } = collect();
  const caller = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
  steps.add(REPLY, 'chat m', { isWhole: true, caller });
  steps.add(REPLY, 'ask verifier', { linked: 'ef'.repeat(16) });
  await exporter.stop();
  const [whole, call, asked] = spans() as [Span, Span, Span];
  expect(whole.links).toEqual([caller]);
  expect(call).toMatchObject({ traceId: caller.traceId, parentSpanId: caller.spanId });
  expect(call.links).toEqual([{ traceId: REPLY, spanId: whole.spanId }]);
  expect(asked.links).toEqual([{ traceId: 'ef'.repeat(16), spanId: 'ef'.repeat(8) }]);
});

it('takes a share of the replies, the same ones at every daemon', async () => {
  const [one, other] = [collect(0.5), collect(0.5)];
  const ids = Array.from({ length: 64 }, (_, n) => (n * 4).toString(16).padStart(2, '0').padEnd(32, '7'));
  for (const id of ids) for (const { steps } of [one, other]) steps.add(id, 'step');
  await Promise.all([one.exporter.stop(), other.exporter.stop()]);
  const taken = (from: typeof one): string[] => from.spans().map(({ traceId }) => traceId);
  expect(taken(one)).toEqual(ids.filter((id) => Number.parseInt(id.slice(0, 2), 16) < 128));
  expect(taken(other)).toEqual(taken(one));
});

it('drops spans that the collector does not take, says so once, and keeps no more than it may', async () => {
  const { steps, exporter, bodies, errors, fall } = collect();
  for (let n = 0; n < 9_000; n++) steps.add(n.toString(16).padStart(32, '0'), 'step');
  fall();
  await exporter.stop();
  expect(bodies).toEqual([]);
  expect(errors.map(String)).toEqual(['Error: 9000 spans were dropped so far']);
});

it('speaks OTLP over HTTP', async () => {
  const heard: { url: string | undefined; type: string | undefined; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      heard.push({ url: request.url, type: request.headers['content-type'], body });
      response.writeHead(heard.length === 1 ? 200 : 503).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const steps = createReplySteps();
    const errors: unknown[] = [];
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const exporter = createOtlpExporter(
      { ...options, endpoint, intervalMs: 20 },
      { steps, randomBytes, onError: (e) => errors.push(e) },
    );
    exporter.start();
    steps.add(REPLY, 'step');
    await expect.poll(() => heard.length).toBe(1);
    expect(heard[0]).toMatchObject({ url: '/v1/traces', type: 'application/json' });
    expect(JSON.parse(heard[0]?.body as string).resourceSpans).toHaveLength(1);
    steps.add(REPLY, 'step');
    await exporter.stop();
    expect(errors).toHaveLength(1);
  } finally {
    server.close();
  }
});
