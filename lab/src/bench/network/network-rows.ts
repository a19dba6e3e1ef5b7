import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, MESH_ROLES } from '@ogong/devnet/mesh/mesh-plan';
import { readMeshState } from '@ogong/devnet/mesh/mesh-state';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import type { ResolvedModel } from '@ogong/models/resolve';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { countProviders, waitUntil } from '../../demo/polling.ts';
import { readTreeMemory } from '../process-memory.ts';
import { createGatewayTimer, type ReplyTiming, timeEngine } from '../reply-timing.ts';
import { measureInTurn, median, pairedDifference, type Row } from '../row.ts';
import { measureFirstTokenWork } from './first-token-rows.ts';
import { measurePath } from './path-timing.ts';

const MODEL_ID = 'ogong/verified/bench/stories15m';
const PROVIDERS = 2;
const ROUNDS = 150;
/** Replies of a round that begin at once. */
const STREAMS = 4;
const STREAM_ROUNDS = 75;
/** Each provider has served under each validator by then, and what a role runs is compiled. */
const WARM_UP = 40;
const PATIENCE_MS = 90_000;
/** A pause between replies, so that audit and settlement of one are not timed with the next. */
const PAUSE_MS = 200;
/** Each with a beginning of its own, so that no prompt is found in a cache of prefixes. */
const messagesOf = (number: number) => [
  { role: 'user', content: `${number} is the number of a story about a little dragon who wanted to fly to the moon.` },
];
const bodyOf = (number: number) => ({ ...BODY, messages: messagesOf(number) });
const BODY = { model: MODEL_ID, max_tokens: 48, temperature: 0.8, top_p: 0.95, stream: true };

const WHY = 'all daemons share the cores with the engine, so admission lasts longer than the prompt';
const NEXT = 'fewer signatures before the first token; the encapsulation to the reply on another thread';

const firstOf = (timings: readonly ReplyTiming[]): number[] => timings.map(({ firstTextMs }) => firstTextMs);

const slowest = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(0.99 * times.length)] ?? Number.NaN;

/** Measures the time that the network adds to an engine, and the memory of each role. */
export async function measureNetwork(model: ResolvedModel): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-'));
  const plan = { directory, model: { ...model, id: MODEL_ID, root: model.modelRoot }, providers: PROVIDERS };
  const ports = assignPorts(await findFreePorts(countPorts(plan)), plan);
  const crashes: string[] = [];
  let rows: Row[];
  const mesh = await startMesh({ ...plan, ports, isLasting: true }, { onCrash: (detail) => crashes.push(detail) });
  try {
    const { gatewayUrl } = mesh.plan;
    const isReady = async (): Promise<boolean> => (await countProviders(gatewayUrl, MODEL_ID)) === PROVIDERS;
    if (!(await waitUntil(isReady, PATIENCE_MS))) throw new Error(`no providers on offer; see ${directory}/logs`);
    rows = [...(await measureAddedTime(mesh, model.path)), ...measureMemory(directory)];
    if (crashes.length > 0) throw new Error(`daemons ended during the measurement: ${crashes.join('; ')}`);
  } finally {
    await mesh.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  return [...rows, ...(await measureFirstTokenWork())];
}

async function measureAddedTime(mesh: Mesh, modelPath: string): Promise<Row[]> {
  const engine = await createLlamaEngine({ modelPath, sequences: STREAMS });
  const gateways = Array.from({ length: STREAMS }, () => createGatewayTimer(mesh.plan.gatewayUrl));
  const [gateway] = gateways as [(typeof gateways)[number]];
  const { sampler } = parseRequest(new TextEncoder().encode(JSON.stringify(bodyOf(0))), 'chat');
  let asked = 0;
  const direct = (round: number): Promise<ReplyTiming> =>
    timeEngine(engine, {
      prompt: { kind: 'chat', messages: messagesOf(asked++) },
      ...{ sampler, bias: [], maxTokens: BODY.max_tokens, stop: [], topLogprobs: 0 },
      drawKey: createHash('sha256').update(`draw ${round}`).digest(),
      sketch: { bankSeed: createHash('sha256').update('bank').digest(), directions: 16 },
    });
  try {
    const measures = {
      network: () => delay(PAUSE_MS).then(() => gateway.time(bodyOf(asked++))),
      engine: (round: number) => delay(PAUSE_MS).then(() => direct(round)),
    };
    await measureInTurn(WARM_UP, measures);
    const samples = await measureInTurn(ROUNDS, measures);
    const compare = (what: keyof ReplyTiming): { value: number; unit: string; note: string } => {
      const [network, bare] = [samples.network, samples.engine].map((all) => all.map((timing) => timing[what])) as [
        number[],
        number[],
      ];
      const note = `${median(network).toFixed(1)} against ${median(bare).toFixed(1)} ms, ${ROUNDS} pairs`;
      return { value: pairedDifference(network, bare), unit: 'ms', note };
    };
    return [
      {
        id: 'added-first-token',
        what: 'time to first token beyond that of the engine, kept tickets, p50',
        ...compare('firstTextMs'),
        aim: { at: 'most', value: 5 },
        ...{ why: WHY, next: NEXT },
      },
      {
        id: 'added-first-token-p99',
        what: 'the same, p99',
        value: slowest(firstOf(samples.network)) - median(firstOf(samples.engine)),
        ...{ unit: 'ms', aim: { at: 'most', value: 15 }, why: WHY, next: NEXT },
        note: `p99 of ${ROUNDS} less the median of the engine called directly`,
      },
      {
        id: 'added-per-chunk',
        what: 'time per chunk beyond that of the engine, p50',
        ...compare('perChunkMs'),
        aim: { at: 'most', value: 5 },
        why: 'all daemons share the cores with the engine',
      },
      ...(await measureStreams({
        network: () => Promise.all(gateways.map((one) => one.time(bodyOf(asked++)))),
        engine: (round) => Promise.all(gateways.map((_, stream) => direct(STREAMS * round + stream))),
      })),
      ...(await measurePath(mesh, MODEL_ID)),
    ];
  } finally {
    for (const one of gateways) one.close();
    await engine.close();
  }
}

/** Compares replies that begin at once. A round's replies share one figure, because they delay each other. */
async function measureStreams({
  network,
  engine,
}: Readonly<Record<'network' | 'engine', (round: number) => Promise<ReplyTiming[]>>>): Promise<Row[]> {
  const measures = {
    network: (round: number) => delay(PAUSE_MS).then(() => network(round)),
    engine: (round: number) => delay(PAUSE_MS).then(() => engine(round)),
  };
  await measureInTurn(WARM_UP / STREAMS, measures);
  const samples = await measureInTurn(STREAM_ROUNDS, measures);
  const [served, bare] = [samples.network, samples.engine].map((rounds) => firstOf(rounds.flat())) as [
    number[],
    number[],
  ];
  const middle = (rounds: readonly ReplyTiming[][]): number[] => rounds.map((round) => median(firstOf(round)));
  const what = `time to first token beyond that of the engine, ${STREAMS} fresh prompts at once on both sides`;
  return [
    {
      id: 'added-first-token-streams',
      what: `${what}, p50`,
      value: pairedDifference(middle(samples.network), middle(samples.engine)),
      ...{ unit: 'ms', aim: { at: 'most', value: 10 }, why: WHY, next: NEXT },
      note: `${median(served).toFixed(1)} against ${median(bare).toFixed(1)} ms, ${STREAM_ROUNDS} pairs of ${STREAMS}, kept tickets`,
    },
    {
      id: 'added-first-token-streams-p99',
      what: 'the same, p99',
      value: slowest(served) - median(bare),
      ...{ unit: 'ms', aim: { at: 'most', value: 60 }, why: WHY, next: NEXT },
      note: `p99 of ${served.length} less the median of the engine called directly; its own p99 is ${slowest(bare).toFixed(1)} ms`,
    },
  ];
}

function measureMemory(directory: string): Row[] {
  const processes = readMeshState(directory)?.processes ?? [];
  return MESH_ROLES.flatMap((role): Row | readonly [] => {
    const pids = processes.flatMap((process) => (process.role === role ? (process.identity?.pid ?? []) : []));
    if (pids.length === 0) return [];
    const memory = readTreeMemory(pids);
    return {
      id: `memory-${role}`,
      what: `memory of a ${role}${role === 'provider' || role === 'verifier' ? ' with its engine, stories15M q8_0' : ''}`,
      value: memory === undefined ? undefined : median(memory),
      unit: 'MiB',
      note: memory ? `resident, median of ${pids.length}, after ${ROUNDS + WARM_UP} replies` : 'no ps on this platform',
    };
  });
}
