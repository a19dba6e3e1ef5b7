import {
  IMAGE_SERVERS,
  type ImageServer,
  MOST_OWN_STEPS,
  readPictureSize,
} from '@ogong/engine/upstream/pictures/image-server';
import {
  createUpstreamPictureEngine,
  type UpstreamPictureEngine,
  type UpstreamPictureOptions,
} from '@ogong/engine/upstream/pictures/picture-engine';
import { ConfigError } from '@ogong/host/config/config-error';
import { define, httpUrl, integer, oneOf } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { Logger } from '@ogong/host/log/logger';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import { assertSoldByName, toConnection, type UpstreamSettings } from './upstream-config.ts';

const pictureSize = define('a size in pixels, such as 512x512', '<WxH>', readPictureSize);

/** Settings for a model of pictures that runs on another server. Its key and authority are those of `upstreamFields`. */
export const imageUpstreamFields = {
  imageUpstream: {
    schema: httpUrl,
    label: '<url>',
    env: 'OGONG_IMAGE_UPSTREAM',
    description:
      "serve pictures of another server with OpenAI's API of images, with --model as its name for the model. Tiers: vanilla and tee-proxy",
  },
  imageServer: {
    schema: oneOf(IMAGE_SERVERS),
    env: 'OGONG_IMAGE_SERVER',
    default: 'openai',
    description:
      'the fields that the server of --image-upstream takes beside those of OpenAI: openai (none), sd-server (stable-diffusion.cpp), vllm-omni or localai',
  },
  imageSteps: {
    schema: integer({ min: 1, max: MOST_OWN_STEPS }),
    label: '<n>',
    env: 'OGONG_IMAGE_STEPS',
    default: '20',
    description: 'steps that a picture of --image-upstream bills if its request names no number',
  },
  imageSize: {
    schema: pictureSize,
    env: 'OGONG_IMAGE_SIZE',
    default: '512x512',
    description: 'size that --image-upstream is asked for if a request names none',
  },
} as const;

export interface ImageUpstreamSettings extends Omit<UpstreamSettings, 'upstream' | 'upstreamWindows' | 'nCtx'> {
  readonly imageUpstream?: string | undefined;
  readonly imageServer: ImageServer;
  readonly imageSteps: number;
  readonly imageSize: UpstreamPictureOptions['size'];
}

function openImageServer(
  command: string,
  { model, modelRoot }: { readonly model: string | undefined; readonly modelRoot: Uint8Array },
  settings: ImageUpstreamSettings,
): Promise<UpstreamPictureEngine> {
  const { imageUpstream: upstream, imageServer: server, imageSteps: steps, imageSize: size, sequences } = settings;
  const connection = toConnection(command, { ...settings, upstream });
  return createUpstreamPictureEngine({ ...connection, model, modelRoot, server, steps, size, sequences });
}

/**
 * Opens a model of pictures of another server, under the id that consumers ask for.
 * @throws ConfigError for a tier that checks steps; EngineError if the server cannot be used.
 */
export async function loadImageUpstream(
  command: string,
  { model, modelId }: { readonly model: string; readonly modelId: string },
  settings: ImageUpstreamSettings,
  { log }: { readonly log: Pick<Logger, 'info'> },
): Promise<UpstreamPictureEngine> {
  const modelRoot = findNamedRoot(nodeCrypto, modelId);
  if (modelRoot === undefined) {
    throw new ConfigError(command, [
      `--model-id ${modelId}: the server behind --image-upstream shows no steps, so nothing could be checked; serve it as ogong/vanilla/<maker>/<model>`,
    ]);
  }
  assertSoldByName(command, { model, modelId }, settings);
  const engine = await openImageServer(command, { model, modelRoot }, settings);
  const { numericClass, steps } = engine.info();
  log.info({ model, modelId, numericClass, steps }, 'the server of pictures is looked at');
  return engine;
}

/**
 * Opens a model of pictures of another server for this machine alone.
 * @param model that server's name. Default: the only one that it lists.
 * @throws ConfigError; EngineError if the server cannot be used.
 */
export function loadNamedImageUpstream(
  command: string,
  model: string | undefined,
  settings: ImageUpstreamSettings,
): Promise<UpstreamPictureEngine> {
  const { imageUpstream = '' } = settings;
  const modelRoot = nodeCrypto.sha256(utf8Encode(`ogong-local-image-upstream\n${imageUpstream}\n${model ?? ''}`));
  return openImageServer(command, { model, modelRoot }, settings);
}
