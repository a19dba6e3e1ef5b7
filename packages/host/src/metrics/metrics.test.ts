import { get } from 'node:http';
import { connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { HttpServer } from '../http/http-server.ts';
import { createMetrics, readMetrics } from './metrics.ts';
import { createMetricsServer, type Health } from './metrics-server.ts';

let server: HttpServer | undefined;
afterEach(() => server?.stop());

async function serve(health?: () => Health): Promise<string> {
  const metrics = createMetrics('router');
  metrics.counter('matches_total', 'Matches', ['tier']).inc({ tier: 'verified' }, 3);
  metrics.histogram('match_seconds', 'Time to match').observe(0.01);
  const bind = { host: '127.0.0.1', port: 0 };
  server = createMetricsServer(health ? { bind, metrics, health } : { bind, metrics });
  await server.start();
  return `http://127.0.0.1:${server.address().port}`;
}

it('serves the counts', async () => {
  const url = await serve();
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toContain('ogong_matches_total{tier="verified",role="router"} 3');
  expect(text).toContain('ogong_match_seconds_bucket{le="0.02",role="router"} 1');
});

it('watches the process from the first read on', async () => {
  const metrics = createMetrics('router');
  const names = async () => (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name);
  expect(await names()).not.toContain('ogong_nodejs_eventloop_lag_seconds');
  for (let reading = 0; reading < 2; reading++) {
    expect(await readMetrics(metrics)).toContain('ogong_process_resident_memory_bytes{role="router"}');
  }
  expect(await names()).toContain('ogong_nodejs_eventloop_lag_seconds');
});

it('shows health in the status', async () => {
  let ok = true;
  const url = await serve(() => ({ ok, detail: { peers: 3 } }));
  const healthy = await fetch(`${url}/healthz`);
  expect([healthy.status, await healthy.json()]).toEqual([200, { ok: true, peers: 3 }]);
  ok = false;
  expect((await fetch(`${url}/healthz`)).status).toBe(503);
});

it('serves the steps of a reply, and which replies are known', async () => {
  const metrics = createMetrics('router');
  const id = 'ab'.repeat(16);
  metrics.steps.add(id, 'match');
  server = createMetricsServer({ bind: { host: '127.0.0.1', port: 0 }, metrics });
  await server.start();
  const url = `http://127.0.0.1:${server.address().port}/replies`;
  expect(await (await fetch(url)).json()).toEqual({ replies: [id] });
  expect(await (await fetch(`${url}/${id}`)).json()).toMatchObject({ steps: [{ name: 'match' }] });
  expect(await (await fetch(`${url}/nobody`)).json()).toEqual({ steps: [] });
});

it('serves nothing else', async () => {
  const url = await serve();
  expect((await fetch(`${url}/other`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
});

it.each(['0.0.0.0', '::', '192.168.0.1', 'example.com', '::ffff:10.0.0.1'])('is not served on %s', (host) => {
  const options = { bind: { host, port: 0 }, metrics: createMetrics('router') };
  expect(() => createMetricsServer(options)).toThrow(/this machine only/);
});

it('ends the connection of a request with an unread body, whose rest would block it without end', async () => {
  const { hostname, port } = new URL(await serve());
  const socket = connect(Number(port), hostname);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nx');
  await closed;
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  expect(answer).toMatch(/^connection: close\r$/im);
});

it('answers to no name that a web page could make resolve to this machine', async () => {
  const app = createMetricsServer({ bind: { host: '127.0.0.1', port: 0 }, metrics: createMetrics('router') });
  await app.start();
  try {
    const status = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        get({ ...app.address(), path: '/metrics', headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on('error', reject);
      });
    expect(await Promise.all(['127.0.0.1:9', 'localhost', 'rebound.example.org'].map(status))).toEqual([200, 200, 403]);
  } finally {
    await app.stop();
  }
});
