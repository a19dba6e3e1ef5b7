import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EXIT } from '@ogong/host/log/errors';
import { afterEach, expect, it } from 'vitest';
import { drawTop } from './draw-top.ts';
import { logsCommand } from './logs-command.ts';
import { parseMetrics, sumSamples } from './metrics-text.ts';
import { type DaemonReading, summarize } from './summary.ts';
import { topCommand } from './top-command.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function run(command: typeof topCommand, ...argv: string[]) {
  const [written, errors]: [string[], string[]] = [[], []];
  const output = {
    write: (part: string) => void written.push(part),
    writeError: (part: string) => void errors.push(part),
  };
  const code = await command.run(argv, output);
  return { code, text: written.join(''), error: errors.join('') };
}

/** A daemon's metrics server. @returns its address. */
async function serve(answer: (path: string) => string | undefined): Promise<string> {
  const server = createServer((request, response) => {
    const text = answer(request.url ?? '');
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const gateway = (requests: number): string =>
  [
    '# TYPE ogong_http_requests_total counter',
    `ogong_http_requests_total{route="chat",status="200",role="gateway"} ${requests}`,
    'ogong_http_requests_total{route="chat",status="502",role="gateway"} 2',
    'ogong_http_requests_total{route="models",status="200",role="gateway"} 77',
    'ogong_requests_running{role="gateway"} 3',
    'ogong_fees_atomic_total{role="gateway"} 1.5e18',
    'ogong_process_resident_memory_bytes{role="gateway"} 120000000',
    'ogong_nodejs_eventloop_lag_p99_seconds{role="gateway"} 0.0215',
  ].join('\n');
const validator = [
  'ogong_validator_verdicts_total{verdict="accept",role="validator"} 5',
  'ogong_validator_verdicts_total{verdict="reject",role="validator"} 1',
  'ogong_validator_beacon_epoch{role="validator"} 42',
  'ogong_validator_batches_settled_total{role="validator"} 4',
].join('\n');

const read = (name: string, text: string, atMs: number): DaemonReading => ({ name, atMs, samples: parseMetrics(text) });

it('reads the text format of Prometheus, quotes and odd lines included', () => {
  const samples = parseMetrics(
    '# HELP x\nogong_a{one="x\\"y\\\\z\\n",two="2"} 1e3\nogong_a 4 1700000000000\nnonsense\nogong_b NaN\n',
  );
  expect(samples).toEqual([
    { name: 'ogong_a', labels: { one: 'x"y\\z\n', two: '2' }, value: 1_000 },
    { name: 'ogong_a', labels: {}, value: 4 },
    { name: 'ogong_b', labels: {}, value: Number.NaN },
  ]);
  expect([sumSamples(samples, 'a'), sumSamples(samples, 'b'), sumSamples(samples, 'c')]).toEqual([1_004, 0, 0]);
});

it('shows rates of two readings, and sums of all daemons', () => {
  const before = [read('gateway', gateway(10), 1_000), read('validator-1', validator, 1_000)];
  const now = [read('gateway', gateway(30), 5_000), read('validator-1', validator, 5_000)];
  const report = summarize(now, before);
  expect(report).toMatchObject({
    ...{ repliesPerSecond: 5, epoch: 42, verdicts: { accept: 5, reject: 1 }, batchesSettled: 4 },
    money: { feesAtomic: 1.5e18 },
  });
  expect(report.daemons[0]).toMatchObject({
    ...{
      role: 'gateway',
      isUp: true,
      perSecond: 5,
      total: 32,
      queues: { running: 3, complaints: 0 },
      errors: { '5xx': 2 },
    },
    ...{ memoryMb: 120, lagMs: 22 },
  });
  expect(summarize(now, []).repliesPerSecond).toBeNull();
  // A daemon that was started again counts from 0.
  const again = summarize([read('gateway', gateway(4), 5_000)], [read('gateway', gateway(30), 1_000)]);
  expect(again.daemons[0]?.perSecond).toBe(1.5);
});

it('shows silent daemons, and takes a stranger’s text for text', async () => {
  const address = await serve((path) => (path === '/metrics' ? gateway(1) : undefined));
  const once = ['--once', '--interval', '10ms', '--at', `gw=${address}`];
  const good = await run(topCommand, ...once);
  expect(good.code).toBe(EXIT.ok);
  expect(good.text).toMatch(/^1 of 1 daemons answer/);
  expect(good.text).toMatch(/^gw +gateway +0\.00 +3 +3 running/m);
  const bad = await run(topCommand, ...once, '--at', 'dead=127.0.0.1:1', '--json');
  expect(bad.code).toBe(EXIT.temporary);
  expect(JSON.parse(bad.text).daemons.map(({ isUp }: { isUp: boolean }) => isUp)).toEqual([true, false]);
  const report = summarize([{ name: 'x', atMs: 0, samples: [], problem: 'a\u001b[2Jb' }], []);
  expect(drawTop(report)).not.toContain('\u001b');
});

it('reports that no daemon is named and no mesh runs', async () => {
  await expect(run(topCommand, '--once', '--mesh-dir', '/nowhere')).rejects.toThrow('name daemons with --at');
  await expect(run(topCommand, '--at', 'ftp://x')).rejects.toThrow('--at');
});

const REPLY = '0123456789abcdef0123456789abcdef';
const JOB = 'ab'.repeat(16);
const step = (name: string, startMs: number, more: object = {}) => ({
  ...{ replyId: REPLY, name, startMs, endMs: startMs + 5, attributes: {} },
  ...more,
});
const remember = (steps: Readonly<Record<string, object[]>>) => (path: string) =>
  JSON.stringify({ steps: steps[path.replace('/replies/', '')] ?? [] });

it("joins a reply's life from all daemons, and that of a verifier's job", async () => {
  const gatewayAt = await serve(
    remember({ [REPLY]: [step('order', 1_000), step('check', 3_000, { failure: 'ogong_check_failed' })] }),
  );
  const validatorAt = await serve(remember({ [REPLY]: [step('ask verifier', 2_000, { linked: JOB })] }));
  const verifierAt = await serve(remember({ [JOB]: [step('score', 2_001, { replyId: JOB })] }));
  const at = [`gateway=${gatewayAt}`, `validator=${validatorAt}`, `verifier=${verifierAt}`].flatMap((one) => [
    '--at',
    one,
  ]);
  const found = await run(logsCommand, '--reply', REPLY, ...at);
  expect(found.code).toBe(EXIT.ok);
  expect(found.text.split('\n').map((line) => line.trim().split(/ {2,}/).slice(0, 3).join('|'))).toEqual([
    expect.stringContaining(REPLY),
    '+0 ms|gateway|order',
    '+1000 ms|validator|ask verifier',
    '+1001 ms|verifier|score',
    '+2000 ms|gateway|check',
    '',
  ]);
  expect(found.text).toContain('FAILED: ogong_check_failed');
  const unknown = await run(logsCommand, '--reply', '77'.repeat(16), ...at, '--at', 'dead=127.0.0.1:1');
  expect(unknown).toMatchObject({
    code: 1,
    text: expect.stringContaining('no daemon knows'),
    error: expect.stringContaining('dead'),
  });
  await expect(run(logsCommand, ...at)).rejects.toThrow('--reply');
});
