import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pushHubModel } from '@ogong/cli/hub/push-command';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { EXIT } from '@ogong/host/log/errors';
import { BLOCK_BYTES } from '@ogong/hub/block-size';
import type { HubName } from '@ogong/hub/named/registry-entry';
import { fromHex } from '@ogong/protocol/base/bytes';
import { createSafetensors } from '@ogong/testing/hub/hub-model';
import { type PlaceServer, startPlaceServer } from '@ogong/testing/hub/place-server';
import { labModelsDir } from '../../lab-models.ts';
import { hashFile } from './hash-file.ts';

/** The model that nobody serves at first, and its id on the network. */
export const WANTED: HubName = { maker: 'demo', model: 'pushed' };
export const WANTED_ID = 'ogong/verified/demo/pushed';
/** A mesh publishes a model. No provider has this one. */
const UNUSED_ID = 'ogong/verified/demo/unused';
/** The model with the large file. */
export const LARGE: HubName = { maker: 'demo', model: 'tensors' };
const LARGE_BYTES = 24 * BLOCK_BYTES;
const FOLLOWERS = ['hub-1', 'hub-2'] as const;
const HUB_FLAGS = ['--serve-from-hub', '--hub-budget', '64MiB', '--hub-interval', '1s'];

/** A model as `ogong hub push` reports it. */
export interface PushedModel {
  /** 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** Of the registry's entry. */
  readonly sources: readonly string[];
}

export interface HubNetwork {
  readonly mesh: Mesh;
  /** Folder of the maker's store, which the mirrors serve. */
  readonly origin: string;
  readonly honest: PlaceServer;
  readonly poisoned: PlaceServer;
  /** Returns the number of pieces that the poisoned mirror has changed. */
  countChanged(): number;
  readonly wanted: PushedModel;
  /** The file of the large model: its block root, hex. */
  readonly largeFile: { readonly id: string; readonly sizeBytes: number };
  stop(): Promise<void>;
}

/** Starts two providers without a model, one validator, and two mirrors of a maker that has pushed two models. */
export async function startHubNetwork(directory: string, onProgress: (message: string) => void): Promise<HubNetwork> {
  const { path } = await resolveModel('stories260K', { storeDir: labModelsDir() });
  const options: MeshOptions = {
    ...{ directory, model: { path, id: UNUSED_ID, root: new Uint8Array(32).fill(1) } },
    ...{ providers: 0, validators: 1, beacon: 'vrf' },
    variants: FOLLOWERS.map((name) => ({ name, flags: HUB_FLAGS, models: [], followsHub: true })),
  };
  const ports = assignPorts(await findFreePorts(countPorts(options)), options);
  const mesh = await startMesh({ ...options, ports }, { onProgress, onCrash: (detail) => onProgress(`! ${detail}`) });
  const origin = join(directory, 'origin');
  let changed = 0;
  const change = async function* (request: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      if (request.startsWith('/blobs/')) {
        piece[0] = (piece[0] as number) ^ 1;
        changed++;
      }
      yield piece;
    }
  };
  const honest = await startPlaceServer(origin);
  const poisoned = await startPlaceServer(origin, { change });
  const stop = async (): Promise<void> => {
    await Promise.all([honest.close(), poisoned.close()]);
    await mesh.stop();
  };
  try {
    onProgress('the maker pushes two models, and nobody serves them');
    const wanted = await push(mesh, { name: WANTED, path, places: [honest.url] });
    const places = [poisoned.url, honest.url];
    const tensors = writeTensors(directory);
    await push(mesh, { name: LARGE, path: tensors, places });
    const largeFile = { id: await hashFile(tensors), sizeBytes: statSync(tensors).size };
    return { mesh, origin, honest, poisoned, countChanged: () => changed, wanted, largeFile, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function writeTensors(directory: string): string {
  const path = join(directory, 'tensors.safetensors');
  writeFileSync(path, createSafetensors(LARGE_BYTES));
  return path;
}

interface Push {
  readonly name: HubName;
  readonly path: string;
  readonly places: readonly string[];
}

/** Pushes a model with the command of a maker. @throws Error with the command's output. */
async function push({ plan }: Mesh, { name: { maker, model }, path, places }: Push): Promise<PushedModel> {
  const at = (name: string): string => join(plan.directory, name);
  mkdirSync(at('origin'), { recursive: true });
  const argv = [
    ...[`${maker}/${model}@1.0.0`, path, '--licence', 'MIT', '--json'],
    ...places.flatMap((place) => ['--place', place]),
    ...['--store', at('origin'), '--models-dir', at('pushed'), '--keypair', join(at('maker'), 'ledger.key')],
    ...['--deployment', plan.deploymentFile, '--rpc-url', plan.rpcUrl],
  ];
  const [written, problems]: [string[], string[]] = [[], []];
  const code = await pushHubModel(argv, {
    write: (text) => void written.push(text),
    writeError: (text) => void problems.push(text),
  });
  if (code !== EXIT.ok) throw new Error(`${maker}/${model} was not pushed: ${problems.join('')}`);
  const { modelRoot, sources } = JSON.parse(written.join('')) as { modelRoot: string; sources: readonly string[] };
  return { modelRoot: fromHex(modelRoot.slice(2)), sources };
}
