import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { parseArguments } from '@ogong/host/config/arguments';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, oneOf, text } from '@ogong/host/config/values';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { createLogger } from '@ogong/host/log/logger';
import { toPathReference } from '@ogong/models/model-path';
import { isFileReference } from '@ogong/models/source';
import { autoBackendField, engineFields } from '../engine/engine-config.ts';
import { dataDirField, logLevel } from '../provider/provider-config.ts';
import { chatInTerminal } from './chat-terminal.ts';
import { createConversation } from './conversation.ts';
import { keepReceipt } from './keep-receipt.ts';
import { createLoadingLines } from './loading-lines.ts';
import { findRunningServer, type LocalApi, openOwnApi } from './local-api.ts';
import { callLocal, LocalApiError } from './local-client.ts';
import { pullModel } from './pull-model.ts';
import { readSchema } from './slash-commands.ts';

const MOST_WORDS = 4096;

export const runConfig = defineConfig({
  name: 'ogong-provider run',
  summary:
    'Talks with a model. With a prompt, or with text on standard input, it prints the answer and ends.\n' +
    'The local server of this data directory answers where one runs; otherwise, and where a flag says how to compute, this process does.\n' +
    'Within a chat /? shows what can be typed.',
  positionals: { label: '<model> [<prompt>]', min: 1, max: MOST_WORDS },
  examples: [
    'ogong-provider run stories15M',
    'ogong-provider run stories15M "Once upon a time"',
    'ogong-provider run hf:bartowski/Llama-3.2-1B-Instruct-GGUF "Sum this up:" < notes.txt',
  ],
  fields: {
    system: {
      schema: text,
      label: '<text>',
      description: 'system message that the model receives before the conversation',
    },
    format: { schema: text, label: '<json|schema>', description: 'bind answers to JSON, or to a JSON schema' },
    keepAlive: {
      schema: text,
      label: '<duration>',
      description: 'how long the server keeps the model after its last answer',
    },
    think: {
      schema: oneOf(['true', 'false', 'low', 'medium', 'high']),
      description: 'whether the model thinks before it answers, where it can',
    },
    json: { ...jsonField, description: 'with a prompt: print answer and receipt as JSON, when complete' },
    timings: { schema: boolean, boolean: true, description: 'print timings after each answer, on standard error' },
    history: {
      schema: boolean,
      boolean: true,
      default: 'true',
      description:
        'keep the lines that are typed, for the next chat, and the receipt of an answer without a chat; --no-history does not',
    },
    ...engineFields,
    ...autoBackendField,
    ...dataDirField,
    logLevel,
  },
});

/** Objects of the process around a command; tests pass their own. */
export interface Surroundings {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

export const runCommand: Command = {
  name: 'run',
  summary: 'talk with a model in the terminal',
  run: (argv, output) => run(argv, output, process),
};

async function run(argv: readonly string[], output: Output, around: Surroundings): Promise<number> {
  const parsed = runConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values } = parsed;
  const [typed = '', ...words] = parsed.positionals;
  const model = toPathReference(typed);
  const isPiped = around.stdin.isTTY !== true;
  const piped = isPiped ? await readAll(around.stdin) : '';
  const prompt = [piped.trim(), words.join(' ')].filter((part) => part !== '').join('\n\n');
  if (isPiped && prompt === '')
    throw new ConfigError('ogong-provider run', ['standard input is empty, and there is no prompt']);
  if (values.json && prompt === '') throw new ConfigError('ogong-provider run', ['--json needs a prompt']);
  const api = await openApi(argv, model, values);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.on('SIGINT', stop);
  try {
    const name = await bring(api, model, { output, signal: stopping.signal });
    const conversation = createConversation({
      ...{ api, model: name, isInteractive: prompt === '' },
      output: values.json ? { ...output, write: () => undefined } : output,
      settings: {
        ...{ system: values.system, keepAlive: values.keepAlive, isVerbose: values.timings, parameters: {} },
        format: readFormat(values.format),
        think: values.think === undefined ? undefined : readThink(values.think),
      },
    });
    const begin = async (): Promise<void> => {
      // A model of this process has its own line.
      const end =
        api.server === undefined ? undefined : showLoading(around)({ reference: name, name, sizeBytes: undefined });
      let isLoaded = false;
      try {
        await conversation.begin();
        isLoaded = true;
      } finally {
        end?.(isLoaded);
      }
    };
    if (prompt !== '') {
      // The answer would load the model, too, and show nothing before its first word.
      if (api.server !== undefined && around.stderr.isTTY) await begin();
      const answer = await conversation.say(prompt, stopping.signal);
      const isTerminal = around.stdout.isTTY === true && !values.json;
      const receipt = values.history
        ? await keepReceipt(conversation, { api, dataDir: values.dataDir, output, isTerminal })
        : undefined;
      if (values.json) printJson(output, { model: name, answer, ...(receipt !== undefined && { receipt }) });
      return EXIT.ok;
    }
    await begin();
    process.off('SIGINT', stop);
    const path = join(values.dataDir, 'run-history');
    await chatInTerminal(
      { conversation, api, output, keepsLines: values.history },
      {
        input: around.stdin,
        output: around.stdout.isTTY ? around.stdout : around.stderr,
        isTerminal: true,
        history: readHistory(path),
        onHistory: (lines) => {
          makePrivateDirectory(values.dataDir);
          writePrivateFile(path, lines.map((line) => `${line}\n`).join(''));
        },
      },
    );
    return EXIT.ok;
  } catch (error) {
    if (stopping.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    process.off('SIGINT', stop);
    await api.close();
  }
}

const showLoading = ({ stderr }: Surroundings) =>
  createLoadingLines((text) => void stderr.write(text), stderr.isTTY === true).onLoading;

type RunValues = Extract<ReturnType<typeof runConfig.parse>, { kind: 'run' }>['values'];

/** A file that was named and settings of the engine are this process's own; the rest is the server's, if one runs. */
async function openApi(argv: readonly string[], model: string, values: RunValues): Promise<LocalApi> {
  const { flags } = parseArguments(runConfig.definition, argv, []);
  const isOwn = isFileReference(model) || Object.keys(engineFields).some((name) => flags.has(name));
  const running = isOwn ? undefined : await findRunningServer(values.dataDir);
  if (running !== undefined) return running;
  const { keepAlive: _, ...settings } = values;
  const log = createLogger({ name: 'ogong-provider', level: values.logLevel });
  const models = isFileReference(model) ? [model] : [];
  return openOwnApi(
    { ...settings, sequences: 1, model: models, adapter: [], keepAlive: Number.POSITIVE_INFINITY },
    log,
  );
}

/** Pulls the model if it is not here yet. @returns the name to ask for it by. */
async function bring(
  api: LocalApi,
  model: string,
  options: { readonly output: Output; readonly signal: AbortSignal },
): Promise<string> {
  try {
    await callLocal(api, '/api/show', { body: { model } });
  } catch (error) {
    if (!(error instanceof LocalApiError) || error.status !== 404) throw error;
    await pullModel(api, model, options);
  }
  return model;
}

const readFormat = (format: string | undefined): unknown => {
  if (format === undefined || format === 'json') return format;
  return readSchema(format);
};

const readThink = (think: string): boolean | string =>
  think === 'true' || think === 'false' ? think === 'true' : think;

function readHistory(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    // Nothing was typed yet.
    return [];
  }
}
