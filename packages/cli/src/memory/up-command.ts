import { once } from 'node:events';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createSupervisedProcess, type SupervisedProcess } from '@ogong/devnet/mesh/supervised-process';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { formatHostPort, hostPort, httpUrl, text } from '@ogong/host/config/values';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import type { ReadyLine } from '@ogong/host/lifecycle/ready-line';
import { EXIT } from '@ogong/host/log/errors';
import { z } from 'zod';
import { assertServed, findService } from './running-services.ts';

export const memoryUpConfig = defineConfig({
  name: 'ogong memory up',
  summary:
    'Starts local mode with a chat model and an embedding model, and a memory service over them, until Ctrl-C. Models are fetched if they are\n' +
    'missing. No network, no account.',
  fields: {
    dir: {
      schema: text,
      label: '<path>',
      env: 'OGONG_MEMORY_DIR',
      default: join(homedir(), '.ogong', 'memory'),
      description: 'where memories and logs are kept',
    },
    model: {
      schema: text,
      label: '<path|name>',
      default: 'qwen3-1.7b',
      description: 'chat model: a GGUF file, hf:owner/repo[:quant] or a built-in name',
    },
    embeddingModel: {
      schema: text,
      label: '<path|name>',
      default: 'granite-embedding-107m-multilingual',
      description: 'model that makes the vectors',
    },
    ...modelsDirField,
    bind: {
      schema: hostPort,
      label: '<addr>',
      default: '127.0.0.1:4549',
      description: 'address of the memory service',
    },
    listen: { schema: hostPort, label: '<addr>', default: '127.0.0.1:11434', description: 'address of local mode' },
    local: {
      schema: httpUrl,
      label: '<url>',
      description: 'local mode that runs already, with --model and --embedding-model as its names; none is started',
    },
    json: { ...jsonField, description: 'print the addresses as JSON once both serve' },
  },
  examples: ['ogong memory up', 'ogong memory up --model llama-3.2-3b-instruct'],
});

type UpValues = Extract<ReturnType<typeof memoryUpConfig.parse>, { kind: 'run' }>['values'];

/** A first start fetches models. */
const READY_TIMEOUT_MS = 3_600_000;
const ENTRIES = createRequire(import.meta.url);
const ADDRESS = z.object({ host: z.string(), port: z.int() });

const NAMES = { local: 'local mode', memory: 'the memory service' } as const;
type ProgramName = keyof typeof NAMES;
/** Log lines, and an error that the failed start repeats. */
const isProgress = (line: string): boolean => !/^(?:\{|ogong)/.test(line);

interface UpModels {
  readonly url: string;
  readonly chatModel: string;
  readonly vectorModel: string;
}

/** @returns the exit code. @throws ConfigError, MeshError */
export async function bringUpMemory(argv: readonly string[], output: Output): Promise<number> {
  const parsed = memoryUpConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values } = parsed;
  const running = await findService(values.bind);
  if (running !== undefined) {
    output.writeError(`a memory service runs already at ${running}\n`);
    if (values.json) printJson(output, { memories: running });
    return EXIT.ok;
  }
  if (values.local !== undefined) await assertServed(values.local, [values.model, values.embeddingModel]);
  makePrivateDirectory(values.dir);
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => ending.abort());
  const { signal } = ending;
  const started: SupervisedProcess[] = [];
  let crash: string | undefined;
  const start = async (name: ProgramName, entry: string, args: readonly string[]): Promise<ReadyLine> => {
    const logFile = join(values.dir, `${name}.log`);
    output.writeError(`starting ${NAMES[name]}; its log is ${logFile}\n`);
    const onCrash = (detail: string): void => {
      crash ??= detail;
      ending.abort();
    };
    const onErrorLine = (line: string): void => {
      if (isProgress(line)) output.writeError(`${line}\n`);
    };
    const program = createSupervisedProcess({
      ...{ name, entry: ENTRIES.resolve(entry), args, logFile, onErrorLine, onCrash },
      readyTimeoutMs: READY_TIMEOUT_MS,
    });
    started.push(program);
    signal.addEventListener('abort', () => void program.stop(), { once: true });
    return program.start();
  };
  try {
    const models = values.local === undefined ? await startLocalMode(values, start) : toNamed(values, values.local);
    const ready = await start('memory', '@ogong/memory/bin/ogong-memoryd', writeMemoryArguments(values, models));
    const memories = `http://${formatAddress(ready)}`;
    if (values.json) printJson(output, { memories, models: models.url });
    else output.write(`memories at ${memories}, models at ${models.url}; Ctrl-C ends both\n`);
    if (!signal.aborted) await once(signal, 'abort');
  } catch (error) {
    if (!signal.aborted || crash !== undefined) throw error;
  } finally {
    for (const program of started.toReversed()) await program.stop();
  }
  if (crash === undefined) return EXIT.ok;
  output.writeError(`ogong memory up: ${crash}; its log is in ${values.dir}\n`);
  return EXIT.software;
}

const toNamed = ({ model, embeddingModel }: UpValues, url: string): UpModels => ({
  ...{ url, chatModel: model, vectorModel: embeddingModel },
});

async function startLocalMode(
  { model, embeddingModel, modelsDir, listen, dir }: UpValues,
  start: (name: ProgramName, entry: string, args: readonly string[]) => Promise<ReadyLine>,
): Promise<UpModels> {
  const args = ['local', '--model', model, '--model', embeddingModel, '--models-dir', modelsDir];
  args.push('--listen', formatHostPort(listen), '--data-dir', join(dir, 'local'));
  const ready = await start('local', '@ogong/provider/bin/ogong-provider', args);
  const [chatModel = model, vectorModel = embeddingModel] = z.array(z.string()).parse(ready.models);
  return { url: `http://${formatAddress(ready)}`, chatModel, vectorModel };
}

function writeMemoryArguments({ dir, bind }: UpValues, { url, chatModel, vectorModel }: UpModels): readonly string[] {
  const args = ['--data-dir', dir, '--bind', formatHostPort(bind), '--local', url];
  return [...args, '--model', chatModel, '--embedding-model', vectorModel];
}

const formatAddress = ({ address }: ReadyLine): string => formatHostPort(ADDRESS.parse(address));
