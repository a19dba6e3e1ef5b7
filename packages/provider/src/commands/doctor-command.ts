import { statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TextEngine } from '@ogong/engine/interface/text';
import { inspectMachine, type MachineReport } from '@ogong/engine/llama-cpp/device/inspect-machine';
import { BATCH_ROWS, estimateMemory } from '@ogong/engine/llama-cpp/device/memory';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { parseNumericClass } from '@ogong/engine/llama-cpp/numeric-class';
import { describeFindings, describePosture, nameUpstreamClass } from '@ogong/engine/upstream/findings';
import { probeUpstream } from '@ogong/engine/upstream/probe';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { autoBackendField, engineFields, loadModelOf, servingFields } from '../engine/engine-config.ts';
import { openUpstream, upstreamFields } from '../engine/upstream-config.ts';
import { textModality } from '../modality/text/text.ts';
import { formatBytes, formatTable } from './format.ts';
import { adviseWeights } from './weights-advice.ts';

export const doctorConfig = defineConfig({
  name: 'ogong-provider doctor',
  summary:
    'Says what this machine has for models, what is taken of it, and why. With a model it loads it, says how it fits and in which\n' +
    'class it runs, measures its speed, and advises other weights or kernels if those are faster in an exact class. With --upstream it asks another server for a few tokens, and says what that server proves.',
  positionals: { label: '[<model>]', max: 1 },
  fields: { json: jsonField, ...upstreamFields, ...engineFields, ...autoBackendField, ...servingFields },
  examples: [
    'ogong-provider doctor',
    'ogong-provider doctor stories15M',
    'ogong-provider doctor stories15M --backend vulkan',
    'ogong-provider doctor --upstream http://127.0.0.1:8000',
  ],
});

type Values = Extract<ReturnType<typeof doctorConfig.parse>, { readonly values: unknown }>['values'];

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'memory and devices of this machine for models, and the parts in use',
  async run(argv, output) {
    const parsed = doctorConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { values, positionals } = parsed;
    if (values.upstream !== undefined) return examineUpstream(values, positionals[0], output);
    const machine = {
      ...inspectMachine(join(homedir(), '.ogong', 'engine')),
      freeDiskBytes: readFreeDisk(values.modelsDir),
    };
    const [name] = positionals;
    const model = name === undefined ? undefined : await examineModel(name, values);
    if (values.json) printJson(output, { machine, ...(model && { model }) });
    else output.write(formatMachine(machine) + (model === undefined ? '' : `\n${formatModel(model)}`));
    return machine.absence === undefined ? EXIT.ok : EXIT.unavailable;
  },
};

/** Shows the observed behaviour of another server, and the tier in which it can be served. */
async function examineUpstream(values: Values, model: string | undefined, output: Output): Promise<number> {
  const findings = await probeUpstream(openUpstream(doctorConfig.definition.name, values), model);
  const follows = describePosture(findings);
  if (values.json) {
    printJson(output, { upstream: findings, tier: 'vanilla', numericClass: nameUpstreamClass(findings), follows });
  } else {
    const rows = [...describeFindings(findings), ['class', nameUpstreamClass(findings)]].map((row) => [...row]);
    output.write(`${formatTable([], rows)}\n${follows.map((line) => `${line}\n`).join('')}`);
  }
  return EXIT.ok;
}

/** Properties of a model on this machine. */
export interface ModelReport {
  readonly name: string;
  readonly numericClass: string;
  /** Whether verifiers compare its replies bit for bit. */
  readonly isExact: boolean;
  readonly sequences: number;
  readonly contextSize: number;
  readonly trainContext: number;
  /** Bytes, estimated from the file's header. */
  readonly memory: { readonly weights: number; readonly kv: number; readonly compute: number };
  /** Tokens a second, one reply at a time. */
  readonly promptRate: number;
  readonly decodeRate: number;
  /** Weights or kernels that are faster than these. */
  readonly advice?: string;
}

/** Enough for a rate, and fast on a slow machine. */
const [PROMPT_TOKENS, REPLY_TOKENS] = [128, 32];

async function examineModel(name: string, values: Values): Promise<ModelReport> {
  const log = { info: () => {}, warn: () => {} };
  const { engine, model } = await loadModelOf(textModality, name, { ...values, pagedWeights: true }, { log });
  try {
    const file = inspectModelFile(model.path);
    const { contextSize, sequences, numericClass, exact } = engine.info();
    const { kvType, valueType, batchSize = BATCH_ROWS } = values;
    const shape = { contextSize, sequences, batchSize, kvType, valueType };
    const { weights, kv, compute } = estimateMemory(file, shape);
    const about = { name: model.name, numericClass, isExact: exact, sequences, contextSize };
    const kernels = parseNumericClass(numericClass)?.kernels ?? '';
    const advice = adviseWeights({ weightType: file.weightType, kernels });
    // The first run finds caches cold.
    await measureRates(engine);
    return {
      ...about,
      trainContext: file.trainContext,
      memory: { weights, kv, compute },
      ...(await measureRates(engine)),
      ...(advice !== undefined && { advice }),
    };
  } finally {
    await engine.close();
  }
}

async function measureRates(engine: TextEngine): Promise<Pick<ModelReport, 'promptRate' | 'decodeRate'>> {
  const { contextSize, stopTokens } = engine.info();
  const length = Math.min(PROMPT_TOKENS, contextSize - REPLY_TOKENS);
  const once = await engine.tokenizePrompt({ kind: 'text', text: 'Once upon a time, in a house by the sea' });
  const tokens = Uint32Array.from({ length }, (_, i) => once[i % once.length] as number);
  const events = engine.generate({
    prompt: { kind: 'tokens', tokens },
    sampler: PLAIN_SAMPLER,
    // A reply that ends early would measure less.
    bias: [...stopTokens].map((id) => ({ id, biasQ16: -100 * NAT })),
    drawKey: new Uint8Array(32),
    ...{ maxTokens: REPLY_TOKENS, stop: [], topLogprobs: 0 },
    sketch: { bankSeed: new Uint8Array(32), directions: DEFAULT_DIRECTIONS },
  });
  for await (const event of events) {
    if (event.kind !== 'end') continue;
    const { promptMs, decodeMs } = event.timings;
    return { promptRate: (1000 * length) / promptMs, decodeRate: (1000 * event.outputTokens.length) / decodeMs };
  }
  return { promptRate: Number.NaN, decodeRate: Number.NaN };
}

/** Reads the free space of the disk for models. */
function readFreeDisk(directory: string): number | undefined {
  for (let path = directory; ; path = dirname(path)) {
    try {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    } catch {
      if (dirname(path) === path) return undefined;
    }
  }
}

export function formatMachine(machine: MachineReport & { readonly freeDiskBytes: number | undefined }): string {
  const { cpuLibraries, chosenCpuLibrary, choice } = machine;
  const others = cpuLibraries.filter((name) => name !== chosenCpuLibrary);
  const cpu =
    machine.absence ??
    (chosenCpuLibrary === undefined
      ? 'the one that is built in'
      : `${chosenCpuLibrary}, which most verifiers can reproduce${others.length === 0 ? '' : `; also runs ${others.join(', ')} (--isa)`}`);
  const reasonOf = (name: string): string => choice.backends.find(({ backend }) => backend === name)?.reason ?? '';
  const cards = machine.cards.map(({ vendor, name, id }) => name ?? `${vendor} ${id}`).join(', ');
  return formatTable(
    [],
    [
      ['processor', `${machine.processor}: ${machine.cores} cores, ${machine.threads} threads`],
      ['memory', `${formatBytes(machine.availableBytes)} free`],
      [
        'disk',
        machine.freeDiskBytes === undefined ? 'unknown' : `${formatBytes(machine.freeDiskBytes)} free for models`,
      ],
      ['llama.cpp', machine.version ?? 'none'],
      ['CPU', cpu],
      [
        'cards',
        `${cards || 'none'}${machine.nvidiaDriver === undefined ? '' : `; NVIDIA driver ${machine.nvidiaDriver}`}`,
      ],
      ['CUDA', reasonOf('cuda')],
      ['Vulkan', reasonOf('vulkan')],
      ['Metal', reasonOf('metal')],
      ['advice', choice.advised === undefined ? choice.why : `--backend ${choice.advised}: ${choice.why}`],
    ],
  );
}

export function formatModel(model: ModelReport): string {
  const { memory } = model;
  return formatTable(
    [],
    [
      ['model', model.name],
      ['class', model.numericClass],
      [
        'verified',
        model.isExact ? 'bit for bit, proven on this machine when it was loaded' : 'by scores: this class is not exact',
      ],
      [
        'context',
        `${model.contextSize} tokens for each of ${model.sequences} replies at a time; trained for ${model.trainContext}`,
      ],
      [
        'memory',
        `about ${formatBytes(memory.weights + memory.kv + memory.compute)}: weights ${formatBytes(memory.weights)}, ` +
          `KV cache ${formatBytes(memory.kv)}, compute ${formatBytes(memory.compute)}`,
      ],
      [
        'speed',
        `${model.decodeRate.toFixed(0)} tokens/s, prompts ${model.promptRate.toFixed(0)} tokens/s, one reply at a time`,
      ],
      ...(model.advice === undefined ? [] : [['advice', model.advice]]),
    ],
  );
}
