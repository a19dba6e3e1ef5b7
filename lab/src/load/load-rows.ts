import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { measureInTurn, pairedRatio, type Row } from '../bench/row.ts';
import type { LoopDelay } from './answer-asks.ts';
import { drive, type LoadPlan, type LoadSide } from './drive.ts';
import { forkChild, type LoadChild, readCpuMs, readMemory, spawnServer } from './load-child.ts';
import { PACE_MS, PACED_MODEL } from './load-model.ts';
import { type LoadNetwork, startLoadNetwork } from './load-network.ts';
import {
  computeTokenUs,
  describeChunkUs,
  describeEvents,
  describeRun,
  evenOut,
  type LoadRun,
  middleOf,
  percentile,
  soundValue,
} from './load-run.ts';
import { type GatewaySoak, listSoakRows, type SoakLook, soakGateway } from './load-soak.ts';

const PORTKEY = fileURLToPath(new URL('../../gateway-load/', import.meta.url));
const PROGRAM = `${PORTKEY}node_modules/@portkey-ai/gateway/build/start-server.js`;
const ROUNDS = 3;
/** With a prompt they fit into the context of the fake engine. */
const LONG_TOKENS = 384;
const WHOLE_TOKENS = 60;
/** Replies of each side before it is measured, whole and streamed: its code is compiled by then. */
const WARM_UP = 300;

export interface LoadBench {
  /** Of each side, in each of three rounds. */
  readonly replies: number;
  /** Replies during which the memory of the gateway is watched. */
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

const PEER = '@portkey-ai/gateway 1.15.2';
/** Work of a reply here that the other gateway does not have. */
const MORE =
  'the other gateway passes bytes on. Here each reply has a ticket, a signed order, a sealed call, a commitment that is checked, books on disk and a verdict';

type Name = 'ogong' | 'proxy' | 'portkey';
/** Of each side, one run for each round. */
type Rounds<Among extends Name> = Readonly<Record<Among, readonly LoadRun[]>>;
type Sides<Among extends Name> = Readonly<Record<Among, LoadSide>>;

/** Runs one plan against each side, in turns. */
function compare<Among extends Name>(sides: Sides<Among>, plan: LoadPlan): Promise<Rounds<Among>> {
  const names = Object.keys(sides) as Among[];
  const measures = Object.fromEntries(names.map((name) => [name, () => drive(sides[name], plan)]));
  return measureInTurn(ROUNDS, measures) as Promise<Rounds<Among>>;
}

const describeRounds = (rounds: Partial<Rounds<Name>>): string =>
  Object.entries(rounds)
    .map(([name, runs]) => describeRun(name, middleOf(runs)))
    .join('; ');

const WHY =
  'each reply has a ticket, a signed order, a sealed call, a commitment that is checked, books on disk and a verdict. Of the time of the gateway (docs/profiles.md), books take 15 %, encoding a tenth, signatures a tenth, keys and sealing 7 %, the HTTP front 5 %. The checker spends a third on the signatures of the record and a quarter on those of order and admission';
const NEXT = 'one signature of the validator for record and delivery; one write to the store for delivery and receipt';

const TOKEN_WHY =
  'In an earlier profile of 384 tokens, checks of each milestone from the start took more than half (165 us a token, 67 without). Opening and its keys took a tenth, the store of open orders a sixth. Since then texts within 20 ms share a message (277 us before, 165 to 192 after). Milestones are checked at most every three seconds';
const TOKEN_NEXT = 'milestones checked from the last one on';

/** One gateway with its checker over a fake engine, and the same load on a bare proxy and on @portkey-ai/gateway. */
export async function measureLoad({ replies, long, onProgress }: LoadBench): Promise<Row[]> {
  const children: Pick<LoadChild, 'stop'>[] = [];
  const keep = async <Child extends Pick<LoadChild, 'stop'>>(child: Promise<Child>): Promise<Child> => {
    const started = await child;
    children.push(started);
    return started;
  };
  try {
    const upstream = await keep(forkChild('./upstream.child.ts'));
    const proxy = await keep(forkChild('./proxy.child.ts', { first: { upstream: upstream.url } }));
    const network = await keep(startLoadNetwork());
    const portkey = await keep(startPortkey());
    const plain = { authorization: 'Bearer unused' };
    const routed = { ...plain, 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream.url}/v1` };
    const { own } = network;
    const bare: LoadSide = { name: 'proxy', url: proxy.url, pid: proxy.pid, model: 'm', headers: plain };
    const other: LoadSide = { name: 'portkey', url: portkey.url, pid: portkey.pid, model: 'm', headers: routed };
    const sides = { ogong: own, proxy: bare, portkey: other };
    onProgress('the first answers of each');
    for (const side of Object.values(sides))
      for (const stream of [false, true]) await drive(side, { replies: WARM_UP, concurrency: 32, tokens: 16, stream });
    onProgress('whole answers, 32 at a time');
    const whole = await compare(sides, { replies, concurrency: 32, tokens: WHOLE_TOKENS, stream: false });
    const roles = await measureRoles(network, replies);
    onProgress('20 streams');
    const streams = { replies, tokens: 64, stream: true };
    const few = await compare(sides, { ...streams, concurrency: 20 });
    onProgress('20 long streams');
    const some = Math.min(replies, 256);
    const lengthy = await compare(
      { ogong: own },
      { replies: some, tokens: LONG_TOKENS, stream: true, concurrency: 20 },
    );
    onProgress('200 streams');
    const crowd = await compare(sides, { ...streams, replies: Math.max(some, 200), concurrency: 200 });
    const memoryMib = readMemory(own.pid);
    onProgress('streams at the pace of a model');
    const paced = await measurePaced(network, bare);
    onProgress('memory');
    const soak = await soakGateway({ own, gateway: network.children.gateway }, long);
    return [
      ...listWholeRows(whole),
      ...listCostRows({ whole: whole.ogong, roles, memoryMib }),
      ...listTokenRows(few.ogong, lengthy.ogong),
      ...listStreamRows(few, crowd),
      ...paced,
      ...listSoakRows(soak),
    ];
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** Of both sides in each round. */
function listRatios(
  rounds: Partial<Rounds<Name>>,
  { id, what, of }: { readonly id: string; readonly what: string; readonly of: 'proxy' | 'portkey' },
): Row[] {
  const [own = [], theirs = []] = [rounds.ogong, rounds[of]];
  const ratio = (part: 'repliesPerSecond' | 'p99Ms' | 'cpuMs'): number | undefined =>
    soundValue(own, () =>
      soundValue(theirs, () => {
        const values = (runs: readonly LoadRun[]) => runs.map((run) => run[part] ?? Number.NaN);
        return pairedRatio(values(own), values(theirs));
      }),
    );
  return [
    { id: `${id}-rate`, what: `${what}: replies per second`, unit: 'x', value: ratio('repliesPerSecond') },
    { id: `${id}-p99`, what: `${what}: p99 of a reply`, unit: 'x', value: ratio('p99Ms') },
    { id: `${id}-cpu`, what: `${what}: processor time of a reply`, unit: 'x', value: ratio('cpuMs') },
  ];
}

function listWholeRows(whole: Rounds<Name>): Row[] {
  const own = middleOf(whole.ogong);
  return [
    {
      ...{
        id: 'load-replies',
        what: `checked replies of ${WHOLE_TOKENS} tokens by one gateway, 32 at a time`,
        unit: '/s',
      },
      ...{ value: soundValue(whole.ogong, () => own.repliesPerSecond), note: describeRounds(whole) },
    },
    ...listRatios(whole, { id: 'load-proxy', what: 'the same / of a bare node:http proxy', of: 'proxy' }),
    ...listRatios(whole, { id: 'load-portkey', what: `the same / of ${PEER}`, of: 'portkey' }).map((row) => ({
      ...row,
      note: MORE,
    })),
  ];
}

/** Processor time of each role for a reply, ms. */
type RoleCosts = Readonly<Record<Role, number>>;

async function measureRoles({ own, children }: LoadNetwork, replies: number): Promise<RoleCosts> {
  const read = (): number[] => ROLES.map((role) => readCpuMs(children[role].pid) ?? Number.NaN);
  const before = read();
  await drive(own, { replies, concurrency: 32, tokens: WHOLE_TOKENS, stream: false });
  const after = read();
  return Object.fromEntries(
    ROLES.map((role, i) => [role, ((after[i] as number) - (before[i] as number)) / replies]),
  ) as RoleCosts;
}

function listCostRows({
  whole,
  roles,
  memoryMib,
}: {
  readonly whole: readonly LoadRun[];
  readonly roles: RoleCosts;
  readonly memoryMib: number | undefined;
}): Row[] {
  const sum = ROLES.reduce((total, role) => total + roles[role], 0);
  return [
    {
      ...{ id: 'load-cpu', what: `processor time of gateway and checker for a whole answer of ${WHOLE_TOKENS} tokens` },
      ...{ unit: 'ms', value: soundValue(whole, () => middleOf(whole).cpuMs), aim: { at: 'most', value: 8 } },
      ...{ why: WHY, next: NEXT },
    },
    {
      ...{ id: 'load-roles', what: 'the same of all roles together', unit: 'ms' },
      ...{ value: soundValue(whole, () => sum), aim: { at: 'most', value: 25 } },
      note: ROLES.map((role) => `${role} ${roles[role].toFixed(1)}`).join(', '),
      ...{ why: WHY, next: NEXT },
    },
    {
      ...{ id: 'load-memory', what: 'resident memory of a loaded gateway, checker included', unit: 'MiB' },
      ...{ value: memoryMib, aim: { at: 'most', value: 350 } },
      ...{
        why: 'two processes, each with the code of links, SQLite and checks. Under 200 streams JavaScript of the gateway holds 38 to 46 MiB after a collection',
        next: 'a checker that loads the code of a tier with its first receipt; smaller spaces for new objects, with more garbage collection',
      },
    },
  ];
}

function listTokenRows(short: readonly LoadRun[], long: readonly LoadRun[]): Row[] {
  const [few, many] = [middleOf(short), middleOf(long)];
  const shared = { unit: 'us', aim: { at: 'most', value: 150 } } as const;
  return [
    {
      ...{ id: 'load-token', what: 'processor time of the gateway for a streamed token, 20 streams of 64 tokens' },
      ...{ ...shared, value: soundValue(short, () => computeTokenUs(few)) },
      note: `all of a reply's cost by its tokens, order and check included; ${describeEvents(few)}, ${describeChunkUs(few)}`,
      ...{ why: WHY, next: NEXT },
    },
    {
      ...{ id: 'load-token-more', what: `the same for each further token, streams of ${LONG_TOKENS} against 64` },
      ...{ ...shared, value: soundValue([...short, ...long], () => computeTokenUs(many, few)) },
      note: `its check included; ${describeEvents(many)}, ${describeChunkUs(many, few)}; ${describeRun('ogong', many)}`,
      ...{ why: TOKEN_WHY, next: TOKEN_NEXT },
    },
  ];
}

function listStreamRows(few: Rounds<Name>, many: Rounds<Name>): Row[] {
  const p99 = (rounds: Rounds<Name>, name: Name): number => middleOf(rounds[name]).p99Ms;
  return [
    ...listRatios(few, { id: 'load-streams-proxy', what: 'the same streams / of a bare node:http proxy', of: 'proxy' }),
    ...listRatios(few, { id: 'load-streams-portkey', what: `the same streams / of ${PEER}`, of: 'portkey' }).map(
      (row) => ({ ...row, note: MORE }),
    ),
    {
      ...{ id: 'load-p99', what: 'p99 of a streamed reply, 200 streams / 20 streams, as fast as they can', unit: 'x' },
      value: soundValue([...few.ogong, ...many.ogong], () => p99(many, 'ogong') / p99(few, 'ogong')),
      // Streams that use the whole machine wait ten times as long behind ten times as many.
      note: `the proxy ${(p99(many, 'proxy') / p99(few, 'proxy')).toFixed(1)}, ${PEER} ${(p99(many, 'portkey') / p99(few, 'portkey')).toFixed(1)}; ${describeRounds(many)}`,
    },
  ];
}

const PACED_TOKENS = 64;
const PACE = `${PACED_TOKENS} tokens, one each ${PACE_MS} ms`;
const PACED_MS = PACED_TOKENS * PACE_MS;

interface PacedRuns {
  readonly few: LoadRun;
  readonly many: LoadRun;
}

/** Returns the delay of each reply beyond the pace of its model, which is not the gateway's. */
const listLate = ({ tookMs }: LoadRun): number[] => tookMs.map((took) => Math.max(0, took - PACED_MS));
const listLateGaps = ({ gapsMs }: LoadRun): number[] => gapsMs.map((gap) => Math.max(0, gap - PACE_MS));

async function drivePaced(side: LoadSide, betweenRuns: () => Promise<void> = async () => {}): Promise<PacedRuns> {
  const shared = { tokens: PACED_TOKENS, stream: true, spreadMs: PACED_MS, isSteady: true };
  await drive(side, { ...shared, replies: 20, concurrency: 20 });
  await betweenRuns();
  const few = await drive(side, { ...shared, replies: 240, concurrency: 20 });
  await betweenRuns();
  const many = await drive(side, { ...shared, replies: 800, concurrency: 200 });
  await betweenRuns();
  return { few, many };
}

type Role = keyof LoadNetwork['children'];
const ROLES: readonly Role[] = ['gateway', 'router', 'provider', 'validator'];

/** Streams as a model makes them: whether those of many wait longer than those of few, and how long event loops are held up. */
async function measurePaced({ own, children }: LoadNetwork, bare: LoadSide): Promise<Row[]> {
  const loops: Readonly<Record<Role, LoopDelay>>[] = [];
  const paced = await drivePaced({ ...own, model: PACED_MODEL }, async () => {
    const delays = await Promise.all(ROLES.map((role) => children[role].ask<LoopDelay>('delay')));
    loops.push(Object.fromEntries(ROLES.map((role, i) => [role, delays[i]])) as Record<Role, LoopDelay>);
  });
  const proxied = await drivePaced({ ...bare, model: PACED_MODEL });
  const [, ofFew, ofMany] = loops;
  return [
    ...listLateRows(paced, proxied),
    ...ROLES.flatMap((role) => [
      describeLoop(role, { streams: 20, delay: ofFew?.[role] }),
      describeLoop(role, { streams: 200, delay: ofMany?.[role] }),
    ]),
  ];
}

function listLateRows(own: PacedRuns, proxy: PacedRuns): Row[] {
  const compareLate = (
    { few, many }: PacedRuns,
    list: (run: LoadRun) => readonly number[],
  ): { readonly few: number; readonly many: number; readonly count: number } => {
    const [a, b] = evenOut(list(few), list(many));
    return { few: percentile(a, 0.99), many: percentile(b, 0.99), count: a.length };
  };
  const lateRow = (
    given: Pick<Row, 'id' | 'what'>,
    list: (run: LoadRun) => readonly number[],
    more: Partial<Row>,
  ): Row => {
    const [late, bare] = [compareLate(own, list), compareLate(proxy, list)];
    const describe = ({ few, many }: typeof late): string => `${few.toFixed(1)} and ${many.toFixed(1)} ms`;
    return {
      ...{ ...given, unit: 'x', value: soundValue([own.few, own.many], () => late.many / late.few) },
      note: `${describe(late)} of ${late.count} each, which ran while all streams did; the proxy ${describe(bare)} of ${bare.count}${more.note ?? ''}`,
      ...{ aim: { at: 'most', value: 1.2 }, why: PACED_WHY, next: NEXT },
    };
  };
  const runs = `; ${describeRun('20 streams', own.few)}; ${describeRun('200 streams', own.many)}`;
  return [
    lateRow(
      { id: 'load-p99-paced', what: 'p99 of the delay of a reply at 10 tokens a second, 200 streams / 20' },
      listLate,
      { note: runs },
    ),
    lateRow({ id: 'load-gap-paced', what: 'p99 of the delay between two pieces, 200 streams / 20' }, listLateGaps, {}),
  ];
}

const PACED_WHY = `200 streams are 2,000 tokens and 31 orders a second for the same cores; ${WHY}`;

function describeLoop(
  role: Role,
  { streams, delay }: { readonly streams: number; readonly delay: LoopDelay | undefined },
): Row {
  const holds: Readonly<Record<Role, string>> = {
    gateway: 'the event loop waits for a core and for commits',
    router: 'a ticket is drawn and signed in one turn; waiting for a core',
    provider: 'the fake engine runs in the same process; the engine of a daemon does not; its store is in memory here',
    validator:
      'orders are admitted in groups that commit together; decisions and settlement of each epoch; waiting for a core; its store is in memory here',
  };
  return {
    id: `load-loop-${role}-${streams}`,
    what: `delay of the ${role}'s event loop, ${streams} streams of ${PACE}, p99`,
    ...{ unit: 'ms', value: delay?.p99Ms, aim: { at: 'most', value: 2 } },
    note: `p50 ${delay?.p50Ms.toFixed(1)}, most ${delay?.mostMs.toFixed(1)} ms; without the 1 ms of the timer that measures; waiting for one of the cores is in it`,
    why: holds[role],
    next: 'a run on more cores than processes; decisions and settlement in smaller steps',
  };
}

/** Memory alone, over as many replies as are asked for; receipts are dropped after a minute, so that what is dropped is seen, too. */
export async function measureSoak(replies: number, onLook: (look: SoakLook) => void): Promise<GatewaySoak> {
  const { own, children, stop } = await startLoadNetwork({ receiptLifetimeMs: 60_000 });
  try {
    return await soakGateway({ own, gateway: children.gateway }, replies, onLook);
  } finally {
    await stop();
  }
}
