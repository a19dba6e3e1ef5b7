import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { MeshError } from '@ogong/devnet/mesh/mesh-error';
import { assignPorts, countPorts, type MeshModel, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { cutModel, MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { slabManifestFormat } from '@ogong/protocol/commitment/slab-manifest';
import { labModelsDir } from '../../lab-models.ts';
import { countProviders, waitUntil } from '../polling.ts';
import { provideWideModel } from './wide-model.ts';

/** Providers of segments by their names. The last one leads. The spare has the layers of the second. */
export const SHARDS = ['layers-0-1', 'layers-2-4', 'layer-5', 'spare-2-4'] as const;
export const [FIRST, KILLED, LEADER, SPARE] = SHARDS;
/** Providers with the whole model. Their verifiers repeat replies: an ejection takes three of them. */
const WHOLES = ['whole-1', 'whole-2', 'whole-3'] as const;
/** As many as a segment serves. */
const SEQUENCES = ['--sequences', '2'];
/** Index of each provider's slab, and its price. The spare costs more, so the leader takes it only in place of another. */
const OFFERS = [
  { slab: 0, price: 200_000_000_000_000n },
  { slab: 1, price: 300_000_000_000_000n },
  { slab: 2, price: 500_000_000_000_007n },
  { slab: 1, price: 320_000_000_000_000n },
] as const;
/** Layers at which the second and the third slab begin. The first and the last one have the vocabulary, too. */
const EDGES = [2, 5];
/** The model that the cohort sells, and the same file as the provider of the whole model sells it. */
export const MODEL_ID = 'ogong/verified/demo/shared-stories';
export const WHOLE_ID = 'ogong/verified/demo/whole-stories';
/** Data of an engine process beyond that of an empty node: less than the whole model takes, and more than any segment. */
const ALLOWED_MIB = 185;
const MIB = 2 ** 20;
const SUPPLY_PATIENCE_MS = 180_000;
const REFUSAL_PATIENCE_MS = 180_000;

const entry = fileURLToPath(new URL('./limited-provider.ts', import.meta.url));

export interface ShardsNetwork {
  readonly mesh: Mesh;
  /** The model that is sold under two ids. */
  readonly modelRoot: Uint8Array;
  /** Of the manifest. */
  readonly manifest: Uint8Array;
  readonly modelBytes: number;
  readonly slabBytes: readonly number[];
  readonly limitMib: number;
  readonly nodeMib: number;
  /** The spare sends coarse rows once this file exists. */
  readonly coarseFile: string;
  /** Starts one more provider with the whole model under the limit. @returns its output until it ended, or `undefined` if it serves. */
  tryWhole(): Promise<string | undefined>;
}

/** Returns whether this machine can limit processes as the scene needs it. */
export const canLimit = (): boolean => process.platform === 'linux';

/** Starts four providers of segments under a limit, three without a limit that have the whole model, and one validator. */
export async function startShardsNetwork(
  directory: string,
  onProgress: (message: string) => void,
): Promise<ShardsNetwork> {
  const storeDir = labModelsDir();
  const path = await provideWideModel(storeDir);
  const { modelRoot } = await resolveModel(`file:${path}`, { storeDir });
  const slabs: string[] = [];
  const slabsDir = join(directory, 'slabs');
  mkdirSync(slabsDir, { recursive: true });
  const manifest = await cutModel(path, EDGES, ({ from, to }, i) => {
    slabs[i] = join(slabsDir, `slab-${from}-${to}.gguf`);
    return slabs[i];
  });
  const manifestBytes = slabManifestFormat.encode(manifest);
  writeFileSync(join(slabsDir, MANIFEST_FILE), manifestBytes);
  const nodeMib = readNodeMib();
  const limitMib = nodeMib + ALLOWED_MIB;
  const engineProgram = writeEngineProgram(directory, limitMib);
  const coarseFile = join(directory, 'coarse');
  const programOf = (...more: string[]) => ({ entry, args: ['--engine-program', engineProgram, ...more] });
  const describe = (id: string): MeshModel => ({ id, path, root: modelRoot });
  const options: MeshOptions = {
    ...{ directory, model: describe(MODEL_ID), others: [describe(WHOLE_ID)] },
    ...{ providers: 0, validators: 1, beacon: 'vrf' },
    variants: [
      ...SHARDS.map((name, i) => {
        const { slab, price } = OFFERS[i] as (typeof OFFERS)[number];
        return {
          ...{ name, models: [], hasVerifier: false },
          program: name === SPARE ? programOf('--coarse-if', coarseFile) : programOf(),
          flags: ['--segment', slabs[slab] as string, '--segment-model-id', MODEL_ID, '--segment-price', `${price}`],
        };
      }),
      ...WHOLES.map((name) => ({ name, models: [WHOLE_ID], flags: SEQUENCES })),
    ],
  };
  const ports = assignPorts(await findFreePorts(countPorts(options)), options);
  const mesh = await startMesh({ ...options, ports }, { onProgress, onCrash: (detail) => onProgress(`! ${detail}`) });
  onProgress('waiting until the segments form a cohort');
  const count = (id: string): Promise<number> => countProviders(mesh.plan.gatewayUrl, id);
  const isReady = async (): Promise<boolean> =>
    (await count(MODEL_ID)) > 0 && (await count(WHOLE_ID)) === WHOLES.length;
  if (await waitUntil(isReady, SUPPLY_PATIENCE_MS))
    return {
      ...{ mesh, modelRoot, manifest: manifestBytes, limitMib, nodeMib, coarseFile },
      modelBytes: statSync(path).size,
      slabBytes: slabs.map((slab) => statSync(slab).size),
      tryWhole: () => tryWhole(mesh, engineProgram),
    };
  await mesh.stop();
  throw new MeshError('did-not-start', `the cohort is not on offer; see ${join(directory, 'logs')}`);
}

/** Data of a node process that does nothing, in MiB. Most of it is reserved for code. */
function readNodeMib(): number {
  const print = "process.stdout.write(require('node:fs').readFileSync('/proc/self/status', 'utf8'))";
  const status = execFileSync(process.execPath, ['-e', print], { encoding: 'utf8' });
  return Math.ceil(Number(/^VmData:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
}

/** Writes a program that runs node under the limit. The system counts the data of each process by itself (RLIMIT_DATA). */
function writeEngineProgram(directory: string, limitMib: number): string {
  const path = join(directory, 'limited-node.sh');
  const text = `#!/bin/sh\nulimit -d ${limitMib * 1024}\nexec '${process.execPath}' "$@"\n`;
  writeFileSync(path, text, { mode: 0o700 });
  return path;
}

/** Has the flags of the provider without a limit, but for an address and keys of its own. */
function tryWhole({ plan }: Mesh, engineProgram: string): Promise<string | undefined> {
  const whole = plan.processes.find(({ name }) => name === WHOLES[0]);
  if (whole === undefined) throw new MeshError('bad-option', `there is no ${WHOLES[0]}`);
  const change: Readonly<Record<string, string>> = {
    '--bind': '127.0.0.1:0',
    '--data-dir': join(plan.directory, 'whole-under-limit'),
  };
  const args = whole.args.map((arg, i) => change[whole.args[i - 1] ?? ''] ?? arg);
  const flags = ['--disable-warning=ExperimentalWarning', entry, '--engine-program', engineProgram, '--', ...args];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve) => {
    let output = '';
    let isServing = false;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), REFUSAL_PATIENCE_MS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (!/"ready"/.test(text)) return;
      isServing = true;
      child.kill('SIGTERM');
    });
    child.once('close', () => {
      clearTimeout(timer);
      resolve(isServing ? undefined : output);
    });
  });
}

export const toMib = (bytes: number): number => Math.round(bytes / MIB);
