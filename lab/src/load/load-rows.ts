import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { measureInTurn, median, type Row } from '../bench/row.ts';
import { drive, type LoadPlan, type LoadRun, type LoadSide } from './drive.ts';
import { forkChild, type LoadChild, readMemory, spawnServer } from './load-child.ts';
import { LOAD_MODEL, PACE_MS, PACED_MODEL } from './load-model.ts';

const PORTKEY = fileURLToPath(new URL('../../gateway-load/', import.meta.url));
const PROGRAM = `${PORTKEY}node_modules/@portkey-ai/gateway/build/start-server.js`;
const ROUNDS = 3;
/** With a prompt they fit into the context of the fake engine. */
const LONG_TOKENS = 384;

export interface LoadBench {
  /** Of each side, in each round. */
  readonly replies: number;
  /** Over which the memory of the gateway is watched. */
  readonly long: number;
  readonly onProgress: (what: string) => void;
}

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

type Runs = Readonly<Record<string, LoadRun>>;

/** Side by side, in turns: what each of them does with one plan, medians over the rounds. */
async function compare(sides: readonly LoadSide[], plan: LoadPlan): Promise<Runs> {
  const runs = await measureInTurn(
    ROUNDS,
    Object.fromEntries(sides.map((side) => [side.name, () => drive(side, plan)])),
  );
  const middle = (
    all: readonly LoadRun[],
    what: 'replies' | 'repliesPerSecond' | 'p50Ms' | 'p99Ms' | 'cpuMs' | 'tokens' | 'events',
  ): number => median(all.map((run) => run[what] ?? Number.NaN));
  return Object.fromEntries(
    Object.entries(runs).map(([name, all]) => [
      name,
      {
        replies: middle(all, 'replies'),
        repliesPerSecond: middle(all, 'repliesPerSecond'),
        p50Ms: middle(all, 'p50Ms'),
        p99Ms: middle(all, 'p99Ms'),
        cpuMs: middle(all, 'cpuMs'),
        tokens: middle(all, 'tokens'),
        events: middle(all, 'events'),
        failures: all.reduce((sum, run) => sum + run.failures, 0),
        reasons: all.flatMap(({ reasons }) => reasons),
      },
    ]),
  );
}

/** Of all tokens of a run, or of those that its replies have more than others. */
function computeTokenUs(run: LoadRun, less?: LoadRun): number | undefined {
  const [of, before] = [run, less].map((one) => one && { ms: one.cpuMs, tokens: one.tokens / one.replies });
  if (of?.ms === undefined) return undefined;
  return ((of.ms - (before?.ms ?? 0)) * 1000) / (of.tokens - (before?.tokens ?? 0));
}

const describeEvents = ({ tokens, events }: LoadRun): string =>
  `${(tokens / events).toFixed(1)} tokens in an event as the client gets them`;

const describeRun = (name: string, { repliesPerSecond, p99Ms, cpuMs, failures, reasons }: LoadRun): string =>
  `${name} ${repliesPerSecond.toFixed(1)} replies/s, ${cpuMs?.toFixed(2)} ms of processor a reply, p99 ${p99Ms.toFixed(0)} ms${failures > 0 ? `, ${failures} failed (${reasons.join(', ')})` : ''}`;
const describeRuns = (runs: Runs): string =>
  Object.entries(runs)
    .map(([name, run]) => describeRun(name, run))
    .join('; ');

const WHY =
  "all of the network, with a provider whose engine is a fake, runs on the same cores. Of the gateway's own time in a profile (2026-11-26): the books in SQLite 24 %, sealing 9, signatures of accounts 8 (order and delivery made, two words of the validator checked), HTTP in front 5, links and protobuf 5, memory given back 5, messages to its checker 4, the ticket's signatures 3; the checker spends a third on the record's signatures and a quarter on those of order and admission";
const NEXT =
  'one commit for order and receipt of several replies; reply keys that are made ahead; words of validators checked by the batch; the way of a piece of text through fewer generators';

/** One gateway with its checker over a fake engine, and the same load on a bare proxy and on @portkey-ai/gateway. */
export async function measureLoad({ replies, long, onProgress }: LoadBench): Promise<Row[]> {
  const children: LoadChild[] = [];
  const keep = async (child: Promise<LoadChild>): Promise<LoadChild> => {
    const started = await child;
    children.push(started);
    return started;
  };
  try {
    const upstream = await keep(forkChild('./upstream.child.ts'));
    const proxy = await keep(forkChild('./proxy.child.ts', { upstream: upstream.url }));
    const network = await keep(forkChild('./network.child.ts'));
    const gateway = await keep(forkChild('./gateway.child.ts', network.ready));
    const portkey = await keep(startPortkey());
    const plain = { authorization: 'Bearer unused' };
    const routed = { ...plain, 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream.url}/v1` };
    const own: LoadSide = { name: 'ogong', url: gateway.url, pid: gateway.pid, model: LOAD_MODEL, headers: plain };
    const bare: LoadSide = { name: 'proxy', url: proxy.url, pid: proxy.pid, model: 'm', headers: plain };
    const other: LoadSide = { name: 'portkey', url: portkey.url, pid: portkey.pid, model: 'm', headers: routed };
    // Its version 1.15.2 answers each stream with 500 under Node 24: it changes headers of a response that are immutable there.
    const sides = [own, bare, other];
    const streaming = [own, bare];
    for (const side of sides) await drive(side, { replies: 32, concurrency: 8, tokens: 8, stream: false });
    for (const side of streaming) await drive(side, { replies: 32, concurrency: 8, tokens: 8, stream: true });
    onProgress('whole answers, 32 at a time');
    const whole = await compare(sides, { replies, concurrency: 32, tokens: 16, stream: false });
    onProgress('20 streams');
    const few = await compare(streaming, { replies, concurrency: 20, tokens: 64, stream: true });
    onProgress('20 long streams');
    const lengthy = await compare([own], { replies, concurrency: 20, tokens: LONG_TOKENS, stream: true });
    onProgress('200 streams');
    const many = await compare(streaming, {
      replies: Math.max(replies, 200),
      concurrency: 200,
      tokens: 64,
      stream: true,
    });
    onProgress('streams at the pace of a model');
    const paced = await measurePaced(gateway, { ...own, model: PACED_MODEL });
    onProgress('memory');
    return [...listRows({ whole, few, lengthy, many }), ...paced, await measureMemory(own, long)];
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

function listRows({ whole, few, lengthy, many }: Readonly<Record<'whole' | 'few' | 'lengthy' | 'many', Runs>>): Row[] {
  const of = (runs: Runs, name: string): LoadRun => runs[name] as LoadRun;
  const [short, long] = [of(few, 'ogong'), of(lengthy, 'ogong')];
  const ratio = (name: string, what: 'cpuMs' | 'repliesPerSecond'): number =>
    (of(whole, 'ogong')[what] ?? Number.NaN) / (of(whole, name)[what] ?? Number.NaN);
  const failed = of(few, 'ogong').failures + of(many, 'ogong').failures;
  return [
    {
      ...{ id: 'load-replies', what: 'checked replies of 16 tokens by one gateway, 32 at a time', unit: '/s' },
      ...{ value: of(whole, 'ogong').repliesPerSecond, aim: { at: 'least', value: 1000 } },
      ...{ note: describeRuns(whole), why: WHY, next: NEXT },
    },
    {
      ...{
        id: 'load-cpu-proxy',
        what: 'the same, processor time of the gateway / of a bare node:http proxy',
        unit: 'x',
      },
      value: ratio('proxy', 'cpuMs'),
    },
    {
      ...{ id: 'load-cpu-portkey', what: 'the same / of @portkey-ai/gateway 1.15.2', unit: 'x' },
      ...{ value: ratio('portkey', 'cpuMs'), note: 'of streams it gives none under Node 24 (500)' },
    },
    {
      ...{
        id: 'load-token',
        what: 'processor time of the gateway for a streamed token, 20 streams of 64 tokens',
        unit: 'us',
      },
      ...{ value: computeTokenUs(short), aim: { at: 'most', value: 60 } },
      note: `all of a reply's cost by its tokens, order and check included; ${describeEvents(short)}; ${describeRuns(few)}`,
      ...{ why: WHY, next: NEXT },
    },
    {
      ...{
        id: 'load-token-more',
        what: `processor time of the gateway for each further token of a stream, from 64 to ${LONG_TOKENS}`,
        unit: 'us',
      },
      ...{ value: computeTokenUs(long, short), aim: { at: 'most', value: 60 } },
      note: `its check included; ${describeEvents(long)}; ${describeRuns(lengthy)}`,
      ...{ why: WHY, next: NEXT },
    },
    {
      ...{ id: 'load-p99', what: 'p99 of a streamed reply, 200 streams / 20 streams, as fast as they can', unit: 'x' },
      ...{ value: failed > 0 ? undefined : of(many, 'ogong').p99Ms / of(few, 'ogong').p99Ms },
      // Whoever takes all that a machine has waits ten times as long behind ten times as many.
      note: `the proxy ${(of(many, 'proxy').p99Ms / of(few, 'proxy').p99Ms).toFixed(1)}; ${describeRuns(many)}`,
    },
  ];
}

interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

/** Streams as a model makes them: whether many of them wait longer than few, and how long the gateway's event loop is held up. */
async function measurePaced(gateway: LoadChild, side: LoadSide): Promise<Row[]> {
  const tokens = 64;
  const shared = { tokens, stream: true, spreadMs: tokens * PACE_MS };
  await drive(side, { ...shared, replies: 20, concurrency: 20 });
  await gateway.ask();
  const few = await drive(side, { ...shared, replies: 60, concurrency: 20 });
  const ofFew = (await gateway.ask()) as LoopDelay;
  const many = await drive(side, { ...shared, replies: 600, concurrency: 200 });
  const ofMany = (await gateway.ask()) as LoopDelay;
  const sayDelay = ({ p50Ms, p99Ms, mostMs }: LoopDelay): string =>
    `p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)}, most ${mostMs.toFixed(1)} ms`;
  const pace = `${tokens} tokens, one each ${PACE_MS} ms`;
  return [
    {
      ...{ id: 'load-p99-paced', what: `p99 of a streamed reply of ${pace}, 200 streams / 20 streams`, unit: 'x' },
      ...{ value: few.failures + many.failures > 0 ? undefined : many.p99Ms / few.p99Ms },
      aim: { at: 'most', value: 1.2 },
      note: `${describeRun('20 streams', few)}; ${describeRun('200 streams', many)}; clients begin one after the other`,
      ...{
        why: `at this pace 200 streams are 2,000 tokens and 31 orders a second for the same cores; ${WHY}`,
        next: NEXT,
      },
    },
    {
      ...{ id: 'load-loop', what: `delay of the gateway's event loop, 20 streams of ${pace}, p99`, unit: 'ms' },
      ...{ value: ofFew.p99Ms, aim: { at: 'most', value: 2 } },
      note: `by a timer of 1 ms, which counts; ${sayDelay(ofFew)}; with 200 streams ${sayDelay(ofMany)}; waiting for one of the two cores is in it`,
      why: 'a commit of the books is synced on the event loop, 0.4 to 2 ms each; the rest is waiting for a core',
      next: 'the books of a gateway in a thread of their own, once threads that use WebAssembly may end (nodejs/node issue 64500)',
    },
  ];
}

const LOOKS = 10;

/** @returns what the second half of the run added, since pools and code fill in the first. */
async function measureMemory(own: LoadSide, long: number): Promise<Row> {
  const memory: (readonly [number, number])[] = [];
  let failed = 0;
  const part = Math.ceil(long / LOOKS);
  for (let done = 0; done <= LOOKS; done++) {
    if (done > 0) failed += (await drive(own, { replies: part, concurrency: 32, tokens: 16, stream: false })).failures;
    memory.push([done * part, readMemory(own.pid) ?? Number.NaN]);
  }
  const [half, end] = [memory[LOOKS / 2], memory[LOOKS]].map((look) => look?.[1] ?? Number.NaN) as [number, number];
  return {
    ...{ id: 'load-memory', what: `memory that ${long / 2} replies add, after as many before`, unit: 'MiB' },
    value: end - half,
    note: `gateway with its checker: ${memory.map(([done, mib]) => `${mib.toFixed(0)} MiB after ${done}`).join(', ')}; ${failed} failed; the aim is flat over 100,000, which \`npm run nightly -- gateway-soak\` runs`,
  };
}

/** Memory alone, over as many replies as are asked for. */
export async function measureSoak(replies: number): Promise<Row[]> {
  const network = await forkChild('./network.child.ts');
  try {
    const gateway = await forkChild('./gateway.child.ts', network.ready);
    const headers = { authorization: 'Bearer unused' };
    try {
      const own = { name: 'ogong', url: gateway.url, pid: gateway.pid, model: LOAD_MODEL, headers };
      return [await measureMemory(own, replies)];
    } finally {
      await gateway.stop();
    }
  } finally {
    await network.stop();
  }
}
