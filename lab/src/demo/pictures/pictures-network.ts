import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { MeshError } from '@ogong/devnet/mesh/mesh-error';
import { assignPorts, countPorts, type MeshModel, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { bringOnnxRuntime, findOnnxRuntime } from '@ogong/engine/onnx/runtime/packages';
import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { TINY_VISION_MODEL } from '@ogong/testing/models/vision-folder';
import { countProviders, waitUntil } from '../polling.ts';

/** Name of the provider that computes half of the steps. */
export const PICTURE_CHEAT = 'cheat';
const HONEST_PROVIDERS = 2;
const SUPPLY_PATIENCE_MS = 120_000;

const cheatEntry = fileURLToPath(new URL('../../attackers/trajectory/provider.ts', import.meta.url));

export interface PictureModels {
  readonly maker: MeshModel;
  readonly viewer: MeshModel;
}

export interface PicturesNetwork {
  readonly mesh: Mesh;
  readonly models: PictureModels;
}

/** Starts a network with a model that makes pictures and one that reads them: two honest providers, a cheat and one validator. */
export async function startPicturesNetwork(
  directory: string,
  onProgress: (message: string) => void,
): Promise<PicturesNetwork> {
  const models = await resolveModels(directory);
  const options: MeshOptions = {
    ...{ directory, model: models.maker, others: [models.viewer] },
    ...{ validators: 1, providers: HONEST_PROVIDERS, beacon: 'vrf' },
    variants: [{ name: PICTURE_CHEAT, program: { entry: cheatEntry, args: [] }, models: [models.maker.id] }],
  };
  const ports = assignPorts(await findFreePorts(countPorts(options)), options);
  const mesh = await startMesh({ ...options, ports }, { onProgress, onCrash: (detail) => onProgress(`! ${detail}`) });
  onProgress('waiting until both models are on offer');
  const isOnOffer = async ({ id }: MeshModel, count: number): Promise<boolean> =>
    (await countProviders(mesh.plan.gatewayUrl, id)) >= count;
  const isReady = await waitUntil(
    async () => (await isOnOffer(models.maker, HONEST_PROVIDERS + 1)) && isOnOffer(models.viewer, HONEST_PROVIDERS),
    SUPPLY_PATIENCE_MS,
  );
  if (isReady) return { mesh, models };
  await mesh.stop();
  const logs = join(directory, 'logs');
  throw new MeshError('did-not-start', `the providers of pictures are not on offer; see ${logs}`);
}

/**
 * Fetches ONNX Runtime before any daemon starts, so that only one process fetches it.
 * @returns whether this machine can run the network for pictures. @throws ModelError
 */
export async function preparePictures(onProgress: (message: string) => void): Promise<boolean> {
  const engineDir = join(homedir(), '.ogong', 'engine');
  if (findOnnxRuntime('cpu', engineDir) !== undefined) return true;
  onProgress('fetching ONNX Runtime, which computes the pictures');
  try {
    await bringOnnxRuntime('cpu', engineDir);
    return true;
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'unsupported-model')) throw error;
    onProgress(`no claims about pictures: ${error.message}`);
    return false;
  }
}

async function resolveModels(storeDir: string): Promise<PictureModels> {
  const describe = async (path: string, name: string): Promise<MeshModel> => {
    const { modelRoot: root } = await resolveModel(`file:${path}`, { storeDir });
    return { path, id: `ogong/verified/test/${name}`, root };
  };
  const [maker, viewer] = await Promise.all([
    describe(pathOfPictureModel('tiny-shapes-flow-dit'), 'tiny-shapes'),
    describe(TINY_VISION_MODEL, 'tiny-shapes-vision'),
  ]);
  return { maker, viewer };
}
