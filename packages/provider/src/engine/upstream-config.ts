import { readFileSync } from 'node:fs';
import type { TextEngine } from '@ogong/engine/interface/text';
import { connectUpstream, type UpstreamConnection, type UpstreamLink } from '@ogong/engine/upstream/connection';
import { createUpstreamEngine, type UpstreamEngine } from '@ogong/engine/upstream/engine';
import { createPluginEngine } from '@ogong/engine/upstream/plugin-engine';
import { parseUpstreamAddress } from '@ogong/engine/upstream/upstream-address';
import { ConfigError } from '@ogong/host/config/config-error';
import { httpUrl, text } from '@ogong/host/config/values';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { explainFile } from '@ogong/host/log/errors';
import type { Logger } from '@ogong/host/log/logger';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import { PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { isProxiedTier } from '@ogong/protocol/tier/registry';
import { textModality } from '../modality/text/text.ts';
import { type EngineSettings, type LoadingPlace, loadModelOf } from './engine-config.ts';

/** Settings for models that run on another server. */
export const upstreamFields = {
  upstream: {
    schema: httpUrl,
    label: '<url>',
    env: 'OGONG_UPSTREAM',
    description:
      "serve the models of another server, llama-server, vLLM, SGLang, Ollama or a hosted API, with --model as that server's name for it",
  },
  upstreamKeyFile: {
    schema: text,
    label: '<path>',
    env: 'OGONG_UPSTREAM_KEY_FILE',
    description: "file with that server's key, on one line",
  },
  upstreamKey: {
    schema: text,
    label: '<key>',
    env: 'OGONG_UPSTREAM_KEY',
    secret: true,
    description: "that server's key; better in a file, or in the environment",
  },
  upstreamAuthority: {
    schema: text,
    label: '<root.pem>',
    repeatable: true,
    env: 'OGONG_UPSTREAM_AUTHORITY',
    description:
      'root that may vouch for that server, and no other; needed in tier tee-proxy, where receipts show its certificates',
  },
  upstreamWindows: {
    schema: text,
    label: '<directory>',
    env: 'OGONG_UPSTREAM_WINDOWS',
    description:
      "directory on this machine in which a vLLM with this project's plugin writes its windows (its OGONG_WINDOWS). --model is then the same weights as a GGUF file, which templates prompts and spells tokens",
  },
} as const;

export interface UpstreamSettings {
  readonly upstreamWindows?: string | undefined;
  /** One that can be shown to others. */
  readonly link?: UpstreamLink | undefined;
  readonly upstream?: string | undefined;
  readonly upstreamKeyFile?: string | undefined;
  readonly upstreamKey?: Secret<string> | undefined;
  readonly nCtx?: number | undefined;
  readonly sequences?: number | undefined;
}

const MAX_KEY = 4096;

/** @throws ConfigError if the key's file cannot be read, or holds none. */
function readKey(command: string, { upstreamKey, upstreamKeyFile }: UpstreamSettings): Secret<string> | undefined {
  if (upstreamKey !== undefined && upstreamKeyFile !== undefined) {
    throw new ConfigError(command, ['--upstream-key and --upstream-key-file exclude each other']);
  }
  if (upstreamKeyFile === undefined) return upstreamKey;
  let key: string;
  try {
    key = readFileSync(upstreamKeyFile, 'utf8').trim();
  } catch (error) {
    throw new ConfigError(command, [`--upstream-key-file ${upstreamKeyFile}: ${explainFile(error)}`]);
  }
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= MAX_KEY) return new Secret(key);
  throw new ConfigError(command, [`--upstream-key-file ${upstreamKeyFile}: it holds no key on a line of its own`]);
}

/** @throws ConfigError if the key's file cannot be read; EngineError for an address that is none. */
export function toConnection(command: string, settings: UpstreamSettings) {
  const key = readKey(command, settings);
  const address = parseUpstreamAddress(settings.upstream ?? '');
  const { link } = settings;
  return { address, ...(key && { readKey: () => key.reveal() }), ...(link && { link }) };
}

/** @throws ConfigError, EngineError */
export const openUpstream = (command: string, settings: UpstreamSettings): UpstreamConnection =>
  connectUpstream(toConnection(command, settings));

/** Form of a name in an id: nobody can sell one model of an API under the name of another. */
const toIdWord = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9._+-]/g, '-');

/** @throws ConfigError if a tier that vouches for a hosted API has no authority, or sells a model of it under another name. */
export function assertSoldByName(
  command: string,
  { model, modelId }: { readonly model: string; readonly modelId: string },
  { link }: Pick<UpstreamSettings, 'link'>,
): void {
  const id = parseModelId(modelId);
  if (!isProxiedTier(id.tier)) return;
  if (link === undefined) {
    throw new ConfigError(command, [
      `--model-id ${modelId}: say by --upstream-authority which root may vouch for the server: receipts show its certificates`,
    ]);
  }
  if (toIdWord(model) !== id.model) {
    throw new ConfigError(command, [
      `--model-id ${modelId}: a hosted model is sold under its own name: ogong/tee-proxy/<maker>/${toIdWord(model)}`,
    ]);
  }
}

/**
 * A model of another server for this machine alone: no order names it.
 * @param model that server's name. Default: the only one that it lists.
 * @throws ConfigError; EngineError if the server cannot be used.
 */
export async function loadNamedUpstream(
  command: string,
  model: string | undefined,
  settings: UpstreamSettings,
): Promise<UpstreamEngine> {
  const connection = toConnection(command, settings);
  const modelRoot = nodeCrypto.sha256(utf8Encode(`ogong-local-upstream\n${connection.address}\n${model ?? ''}`));
  const { nCtx: contextSize, sequences } = settings;
  return createUpstreamEngine({ ...connection, model, modelRoot, contextSize, sequences });
}

/**
 * A model of another server, under the id that consumers ask for.
 * @throws ConfigError; EngineError if the server cannot be used.
 */
export async function loadUpstreamModel(
  command: string,
  { model, modelId }: { readonly model: string; readonly modelId: string },
  settings: UpstreamSettings,
  { log }: { readonly log: Pick<Logger, 'info'> },
): Promise<TextEngine> {
  const modelRoot = findNamedRoot(nodeCrypto, modelId);
  if (modelRoot === undefined) {
    throw new ConfigError(command, [
      `--model-id ${modelId}: a model behind --upstream shows nothing that could be checked; serve it as ogong/vanilla/<maker>/<model>`,
    ]);
  }
  assertSoldByName(command, { model, modelId }, settings);
  const { nCtx: contextSize, sequences } = settings;
  const engine = await createUpstreamEngine({
    ...{ ...toConnection(command, settings), model, modelRoot, contextSize, sequences },
  });
  const { numericClass, contextSize: holds } = engine.info();
  log.info({ model, modelId, numericClass, contextSize: holds }, 'the upstream server is looked at');
  return engine;
}

/**
 * A model of a vLLM with the project's plugin, with candidates and sketches, so that it can be checked (docs/vllm.md).
 * @param model the same weights on this machine.
 * @throws ModelError, ConfigError; EngineError if the server or its plugin does not give all of it.
 */
export async function loadPluginModel(
  command: string,
  model: string,
  settings: UpstreamSettings & EngineSettings,
  place: LoadingPlace,
): Promise<TextEngine> {
  const { engine: vocabulary } = await loadModelOf(textModality, model, settings, place);
  const { nCtx: contextSize, sequences, upstreamWindows: directory = '' } = settings;
  let engine: TextEngine | undefined;
  try {
    engine = await createPluginEngine({
      ...toConnection(command, settings),
      directory,
      vocabulary,
      contextSize,
      sequences,
    });
    await probePlugin(engine);
    return engine;
  } catch (error) {
    await (engine ?? vocabulary).close();
    throw error;
  }
}

/** Two tokens, so that a plugin that gives too little is found before anybody orders. @throws EngineError */
async function probePlugin(engine: TextEngine): Promise<void> {
  const tokens = await engine.tokenizePrompt({ kind: 'text', text: 'Once' });
  const events = engine.generate({
    ...{ prompt: { kind: 'tokens', tokens }, sampler: PLAIN_SAMPLER, bias: [], drawKey: new Uint8Array(32) },
    ...{ maxTokens: 2, stop: [], topLogprobs: 0 },
    sketch: { bankSeed: new Uint8Array(32), directions: DEFAULT_DIRECTIONS },
  });
  for await (const event of events) if (event.kind === 'end') return;
}
