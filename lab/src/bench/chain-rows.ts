import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import { findLlamaBuild } from '@ogong/engine/llama-cpp/device/platform';
import { loadLlama } from '@ogong/engine/llama-cpp/library';
import { createLlamaBatchModel } from '@ogong/engine/llama-cpp/llama-model';
import { openLlamaModel } from '@ogong/engine/llama-cpp/model';
import { openSegmentModel } from '@ogong/engine/llama-cpp/segment/segment-model';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeEd25519Signer } from '@ogong/host/crypto/signers';
import { createPassReceiver, createPassSender } from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { createRowContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { readBusyMs } from './busy-time.ts';
import { type Chain, type PassCosts, type SimulatedLink, simulatePrompt, simulateSteps } from './chain-simulation.ts';
import type { Row } from './row.ts';

interface ChainBench {
  readonly path: string;
  readonly name: string;
  readonly layers: number;
  readonly embeddingSize: number;
  readonly promptTokens: number;
  readonly rounds: number;
}

const PIECE = 128;
const SEQUENCES = 8;
const GROUPS = 4;
const STEPS = 6;
const AHEAD = 2;
const ROUND_TRIP_MS = 5;
const MBIT = 100;
const NEAR: SimulatedLink = { oneWayMs: 0, mbit: Number.POSITIVE_INFINITY };
const FAR: SimulatedLink = { oneWayMs: ROUND_TRIP_MS / 2, mbit: MBIT };

/** Measures the passes of each segment, and plays them on machines of their own with simulated links. */
export async function measureChains(bench: ChainBench): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-chain-bench-'));
  const path = join(folder, 'model.gguf');
  symlinkSync(bench.path, path);
  try {
    const guard = { stepMs: measureGuard(bench, 1), pieceMs: measureGuard(bench, PIECE) };
    const cuts = [2, 3].map((count) => writeSlabs(path, listEdges(bench.layers, count)));
    const costs = await measurePasses(bench, cuts);
    const [whole, ...split] = costs.map((each): Chain => ({ costs: each, guard, rowBytes: 4 * bench.embeddingSize }));
    return [
      ...split.flatMap((chain) => describeChain(bench, whole as Chain, chain)),
      {
        ...{ id: `chain-guard-${bench.name}`, what: `${bench.name}: sign and check a step of one row over a boundary` },
        ...{ value: guard.stepMs, unit: 'ms', aim: { at: 'most', value: 0.5 } },
        note: `${guard.pieceMs.toFixed(2)} ms for a piece of ${PIECE} rows of ${bench.embeddingSize} values; both ends together, on one core`,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const listEdges = (layers: number, count: number): readonly number[] =>
  Array.from({ length: count - 1 }, (_, i) => Math.round((layers * (i + 1)) / count));

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;

function describeChain({ name, promptTokens }: ChainBench, whole: Chain, chain: Chain): Row[] {
  const count = chain.costs.length;
  const title = `${name} in ${count} segments`;
  const stepOf = ({ costs }: Chain): number => sum(costs.map(({ one }) => one));
  const play = (one: Chain, kind: 'one' | 'group' | 'all', link: SimulatedLink): number => {
    const groups = kind === 'group' ? GROUPS : 1;
    const rows = { one: 1, group: SEQUENCES / GROUPS, all: SEQUENCES }[kind];
    return simulateSteps(one, { kind, rows, groups, link });
  };
  const promptOf = (one: Chain, ahead: number, link: SimulatedLink): number =>
    simulatePrompt(one, { pieceRows: PIECE, ahead, link });
  const [alone, together, own] = [play(whole, 'one', NEAR), play(whole, 'all', NEAR), promptOf(whole, 0, NEAR)];
  const [first, waiting] = [promptOf(chain, AHEAD, FAR), promptOf(chain, 0, FAR)];
  const links = `links of ${ROUND_TRIP_MS} ms both ways and ${MBIT} Mbit/s are simulated`;
  return [
    {
      ...{
        id: `chain-${count}-machine-${name}`,
        what: `${title} on one machine: speed of one sequence / the whole model`,
      },
      ...{ value: stepOf(whole) / stepOf(chain), unit: 'x', aim: { at: 'least', value: 0.9 } },
      note: `${stepOf(chain).toFixed(2)} against ${stepOf(whole).toFixed(2)} ms a step, without signatures`,
      why: 'each segment copies rows in and out, and its last block computes all of them',
    },
    {
      ...{
        id: `chain-${count}-one-${name}`,
        what: `${title} on a machine each: speed of one sequence / the whole model`,
      },
      ...{ value: alone / play(chain, 'one', FAR), unit: 'x' },
      note: `${(alone / play(chain, 'one', NEAR)).toFixed(2)} without delay; ${links}; signatures included`,
    },
    {
      ...{ id: `chain-${count}-groups-${name}` },
      what: `${title} on a machine each: speed of ${SEQUENCES} sequences in ${GROUPS} groups / the whole model with all in one pass`,
      ...{ value: together / play(chain, 'group', FAR), unit: 'x', aim: { at: 'least', value: 1 } },
      note: `${(together / play(chain, 'all', FAR)).toFixed(2)} in one group; ${links}`,
      why: 'a pass of two rows costs more than a quarter of a pass of eight, and the delay is long',
      next: 'guesses, which make a pass longer',
    },
    {
      ...{ id: `chain-${count}-prompt-${name}` },
      what: `${title} on a machine each: time of a prompt of ${promptTokens} tokens and the first token / the whole model`,
      ...{ value: first / own, unit: 'x', aim: { at: 'most', value: 1 } },
      note: `${first.toFixed(0)} ms in pieces of ${PIECE} that overlap, ${waiting.toFixed(0)} ms in pieces that wait, ${own.toFixed(0)} ms in the whole model; ${links}`,
    },
  ];
}

/** Milliseconds on a core to sign a pass, and to check it. */
function measureGuard({ embeddingSize }: ChainBench, rows: number): number {
  const count = Math.ceil(400 / rows);
  const edge = {
    ...{ orderHash: new Uint8Array(32), place: 0, blind: new Uint8Array(32), content: createRowContent(embeddingSize) },
  };
  const signer = createNodeEd25519Signer(new Uint8Array(32).fill(1));
  const maxPositions = rows;
  const sender = createPassSender(crypto, edge, { signer, maxPositions });
  const receiver = createPassReceiver(crypto, edge, {
    ...{ senderKey: signer.publicKey, maxPositions, maxRows: rows, maxTurns: count },
  });
  const values = new Float32Array(rows * embeddingSize).fill(0.5);
  const startMs = readBusyMs();
  for (let i = 0; i < count; i++) receiver.accept(sender.send('step', 0, values));
  return (readBusyMs() - startMs) / count;
}

/** Passes of a whole model, or of one of its segments. */
interface Node {
  run(pass: NodePass): Promise<void>;
  close(): Promise<void> | void;
}

interface NodePass {
  readonly kind: 'prompt' | 'step';
  readonly groups: readonly { readonly sequence: number; readonly position: number; readonly rows: number }[];
}

/** Measures the whole model and its cuts in turn. @returns milliseconds on a core, by chain and segment. */
async function measurePasses(bench: ChainBench, cuts: readonly (readonly string[])[]) {
  const contextSize = bench.promptTokens + 2 * PIECE;
  const chains = [[openWhole(bench.path, contextSize)], ...cuts.map((slabs) => openSlabs(slabs, bench, contextSize))];
  const times = chains.map((nodes) =>
    nodes.map(() => ({ one: [] as number[], group: [] as number[], all: [] as number[], pieces: [] as number[][] })),
  );
  for (let round = 0; round <= bench.rounds; round++) {
    for (const [chain, nodes] of chains.entries()) {
      for (const [place, node] of nodes.entries()) {
        const taken = await playRound(node, bench.promptTokens);
        const kept = times[chain]?.[place];
        if (round === 0 || kept === undefined) continue;
        kept.one.push(taken.one);
        kept.group.push(taken.group);
        kept.all.push(taken.all);
        kept.pieces.push(taken.pieces);
      }
    }
  }
  for (const node of chains.flat()) await node.close();
  return times.map((nodes) =>
    nodes.map(
      ({ one, group, all, pieces }): PassCosts => ({
        ...{ one: mean(one), group: mean(group), all: mean(all) },
        pieces: (pieces[0] ?? []).map((_, i) => mean(pieces.map((round) => round[i] as number))),
      }),
    ),
  );
}

/** Runs a prompt in pieces, and then steps of several kinds. @returns milliseconds of a pass. */
async function playRound(node: Node, promptTokens: number) {
  const ends = Array.from({ length: SEQUENCES }, () => 0);
  const run = async (kind: NodePass['kind'], sequences: readonly number[], rows: number): Promise<number> => {
    const groups = sequences.map((sequence) => ({ sequence, position: ends[sequence] as number, rows }));
    for (const sequence of sequences) (ends[sequence] as number) += rows;
    const startMs = readBusyMs();
    await node.run({ kind, groups });
    return readBusyMs() - startMs;
  };
  const pieces: number[] = [];
  while ((ends[0] as number) < promptTokens)
    pieces.push(await run('prompt', [0], Math.min(PIECE, promptTokens - (ends[0] as number))));
  const all = Array.from({ length: SEQUENCES }, (_, i) => i);
  for (const sequence of all.slice(1)) await run('prompt', [sequence], PIECE);
  const repeat = async (sequences: readonly number[]): Promise<number> => {
    let ms = 0;
    for (let i = 0; i < STEPS; i++) ms += await run('step', sequences, 1);
    return ms / STEPS;
  };
  const others = all.slice(1);
  return {
    one: await repeat([0]),
    group: await repeat(others.slice(0, SEQUENCES / GROUPS)),
    all: await repeat(all),
    pieces,
  };
}

const tokenAt = (position: number): number => 300 + ((position * 7919) % 20_000);

function openWhole(path: string, contextSize: number): Node {
  const llama = openLlamaModel(loadLlama(findLlamaBuild(), 'auto'), path);
  const model = createLlamaBatchModel(llama, {
    ...{ kernels: 'exact', kvType: 'f16', threads: 1, contextSize, batchSize: PIECE },
    ...{ flashAttention: true, kvUnified: false },
  });
  const context = model.createContext({ purpose: 'serve', sequences: SEQUENCES });
  return {
    async run({ kind, groups }) {
      for (const { sequence, position, rows } of groups) {
        if (position === 0) context.remove(sequence);
        for (let i = 0; i < rows; i++) context.add(tokenAt(position + i), position + i, sequence);
      }
      context.decode(kind === 'step');
    },
    close() {
      context.free();
      model.free();
    },
  };
}

function openSlabs(slabs: readonly string[], { embeddingSize }: ChainBench, contextSize: number): Node[] {
  return slabs.map((slab, place) => {
    const segment: SegmentEngine = openSegmentModel(slab, { contextSize, sequences: SEQUENCES, passRows: PIECE });
    return {
      async run({ kind, groups }) {
        const rows = sum(groups.map((group) => group.rows));
        for (const { sequence, position } of groups) if (position === 0) await segment.drop(sequence, 0);
        const input =
          place === 0
            ? Uint32Array.from({ length: rows }, (_, i) => tokenAt(i))
            : Float32Array.from({ length: rows * embeddingSize }, (_, i) => Math.sin(i));
        await segment.run({ kind, groups, input });
      },
      close: () => segment.close(),
    };
  });
}
