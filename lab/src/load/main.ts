// npm run gateway-load: one gateway under load, and the same load on a bare proxy and on @portkey-ai/gateway, in turns, in one run.
// --replies N for the length of a round, --long N for replies in the run that watches memory, --json for the rows.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureInTurn, median } from '../bench/row.ts';
import { drive, type LoadPlan, type LoadRun, type LoadSide } from './drive.ts';
import { forkChild, type LoadChild, readMemory, spawnServer } from './load-child.ts';
import { LOAD_MODEL } from './load-model.ts';

const PORTKEY = fileURLToPath(new URL('../../gateway-load/', import.meta.url));
const PROGRAM = `${PORTKEY}node_modules/@portkey-ai/gateway/build/start-server.js`;
const ROUNDS = 3;

const { values } = parseArgs({
  options: {
    replies: { type: 'string', default: '256' },
    long: { type: 'string', default: '2000' },
    json: { type: 'boolean' },
  },
});
const [replies, long] = [Number(values.replies), Number(values.long)];

async function findPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** With its own lock file, in its own folder. */
async function startPortkey(): Promise<LoadChild> {
  if (!existsSync(PROGRAM)) {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: PORTKEY, stdio: 'ignore' });
  }
  const port = await findPort();
  return spawnServer([PROGRAM, `--port=${port}`, '--headless'], `http://127.0.0.1:${port}`);
}

const children: LoadChild[] = [];
const keep = async (child: Promise<LoadChild>): Promise<LoadChild> => {
  const started = await child;
  children.push(started);
  return started;
};

/** Side by side: what each of them does with one plan. */
async function compare(sides: readonly LoadSide[], plan: LoadPlan): Promise<Readonly<Record<string, LoadRun>>> {
  const measures = Object.fromEntries(sides.map((side) => [side.name, () => drive(side, plan)]));
  const runs = await measureInTurn(ROUNDS, measures);
  const middle = (all: readonly LoadRun[], what: keyof LoadRun): number =>
    median(all.map((run) => run[what] ?? Number.NaN));
  return Object.fromEntries(
    Object.entries(runs).map(([name, all]) => [
      name,
      {
        ...{
          repliesPerSecond: middle(all, 'repliesPerSecond'),
          p50Ms: middle(all, 'p50Ms'),
          p99Ms: middle(all, 'p99Ms'),
        },
        ...{ cpuMs: middle(all, 'cpuMs'), cpuPerChunkUs: middle(all, 'cpuPerChunkUs') },
        failures: all.reduce((sum, run) => sum + run.failures, 0),
      },
    ]),
  );
}

const show = (what: string, runs: Readonly<Record<string, LoadRun>>): void => {
  if (values.json) return void console.log(JSON.stringify({ what, runs }));
  console.log(`\n${what}`);
  for (const [name, run] of Object.entries(runs)) {
    const { repliesPerSecond, p50Ms, p99Ms, cpuMs, cpuPerChunkUs, failures } = run;
    const chunk = Number.isFinite(cpuPerChunkUs ?? Number.NaN) ? `, ${cpuPerChunkUs?.toFixed(0)} us CPU a chunk` : '';
    console.log(
      `  ${name.padEnd(8)} ${repliesPerSecond.toFixed(1)} replies/s, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, ${cpuMs?.toFixed(2)} ms CPU a reply${chunk}, ${failures} failed`,
    );
  }
};

try {
  const upstream = await keep(forkChild('./upstream.child.ts'));
  const proxy = await keep(forkChild('./proxy.child.ts', { upstream: upstream.url }));
  const network = await keep(forkChild('./network.child.ts'));
  const gateway = await keep(forkChild('./gateway.child.ts', network.ready));
  const portkey = await keep(startPortkey());
  const plain = { authorization: 'Bearer unused' };
  const routed = { ...plain, 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream.url}/v1` };
  const sides: readonly LoadSide[] = [
    { name: 'ogong', url: gateway.url, pid: gateway.pid, model: LOAD_MODEL, headers: plain },
    { name: 'proxy', url: proxy.url, pid: proxy.pid, model: 'm', headers: plain },
    { name: 'portkey', url: portkey.url, pid: portkey.pid, model: 'm', headers: routed },
  ];
  // Its version 1.15.2 answers each stream with 500 under Node 24: it changes headers of a response that are immutable there.
  const streaming = sides.filter(({ name }) => name !== 'portkey');
  for (const side of sides) await drive(side, { replies: 32, concurrency: 8, tokens: 8, stream: false });
  for (const side of streaming) await drive(side, { replies: 32, concurrency: 8, tokens: 8, stream: true });
  show(
    '32 at a time, whole answers of 16 tokens',
    await compare(sides, { replies, concurrency: 32, tokens: 16, stream: false }),
  );
  show(
    '20 streams at a time, of 64 tokens',
    await compare(streaming, { replies, concurrency: 20, tokens: 64, stream: true }),
  );
  show(
    '200 streams at a time, of 64 tokens',
    await compare(streaming, { replies, concurrency: 200, tokens: 64, stream: true }),
  );

  const [own] = sides as [LoadSide];
  const memory: (readonly [number, number])[] = [];
  for (let done = 0; done <= long; done += long / 4) {
    if (done > 0) await drive(own, { replies: long / 4, concurrency: 32, tokens: 16, stream: false });
    memory.push([done, readMemory(own.pid) ?? Number.NaN]);
  }
  const line = memory.map(([done, mib]) => `${mib.toFixed(0)} MiB after ${done}`).join(', ');
  console.log(values.json ? JSON.stringify({ memory }) : `\nmemory of the gateway with its checker: ${line}`);
} finally {
  await Promise.all(children.map((child) => child.stop()));
}
