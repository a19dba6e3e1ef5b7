#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { existsSync } from 'node:fs';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { parseArguments } from '@ogong/host/config/arguments';
import { ConfigError } from '@ogong/host/config/config-error';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { createLogger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import { readHubAccess } from '@ogong/models/hub';
import { createModelStore } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { loadTextModel, modelDirectory } from '../engine/engine-config.ts';
import { chat } from '../local/chat-command.ts';
import { createLocalServer } from '../local/local-server.ts';
import { openLocalModels } from '../local/open-local-models.ts';
import { configPathOf, configure, showConfiguration } from '../provider/configure-command.ts';
import {
  DEFAULT_PROVIDER_DIRECTORY,
  localConfig,
  pullConfig,
  runConfig,
  serveConfig,
  showConfig,
  walletConfig,
} from '../provider/provider-config.ts';
import { startServing } from '../provider/serve-daemon.ts';

const NAME = 'ogong-provider';
const HELP = `Serves models from this machine, to itself or to the network.

Usage: ${NAME} <command> [flags]

  local      OpenAI and Ollama server on this machine: no network, no account
  run        chat with a model in the terminal
  pull       download a model, or list what is here
  configure  write the settings of serve
  show       print them
  wallet     print the ledger address that fees are paid to
  serve      serve models on the network

${NAME} <command> --help says more.
`;

type Parsed<V> =
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'run'; readonly values: V; readonly positionals: readonly string[] };

/** The settings of a command; its help ends the program. */
function read<V>(parsed: Parsed<V>): { readonly values: V; readonly positionals: readonly string[] } {
  return parsed.kind === 'print' ? print(parsed.text) : parsed;
}

function print(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}

/** Settings start from the file that configure wrote, unless another file is named. */
function serve(argv: readonly string[]): Promise<Daemon> {
  const { flags, configPath } = parseArguments(serveConfig.definition, argv, []);
  const dataDir = flags.get('dataDir')?.[0] ?? process.env.OGONG_PROVIDER_DATA_DIR ?? DEFAULT_PROVIDER_DIRECTORY;
  const path = configPathOf(dataDir);
  const isConfigured = configPath === undefined && existsSync(path);
  const { values } = read(serveConfig.parse(isConfigured ? ['--config', path, ...argv] : argv, process.env));
  return startServing(values);
}

async function local(argv: readonly string[]): Promise<Daemon> {
  const { values } = read(localConfig.parse(argv, process.env));
  const log = createLogger({ name: NAME, level: values.logLevel });
  const { names, loaded, ...models } = await openLocalModels(values, log);
  const { listen, origin: origins } = values;
  const server = createLocalServer(
    { listen, origins },
    { ...models, loaded, crypto: nodeCrypto, clock: systemClock, log },
  );
  await server.start();
  return {
    ready: { address: server.address(), models: names },
    async stop() {
      await server.stop();
      await loaded.close();
    },
  };
}

async function run(argv: readonly string[]): Promise<never> {
  const { values, positionals } = read(runConfig.parse(argv, process.env));
  const log = createLogger({ name: NAME, level: values.logLevel });
  const { engine } = await loadTextModel(
    positionals[0] as string,
    { ...values, sequences: 1 },
    { dataDir: values.dataDir, log },
  );
  await chat(
    { engine, crypto: nodeCrypto, system: values.system },
    { input: process.stdin, output: process.stdout, isInteractive: process.stdin.isTTY === true },
  );
  await engine.close();
  return print('');
}

async function pull(argv: readonly string[]): Promise<never> {
  const { values, positionals } = read(pullConfig.parse(argv, process.env));
  const storeDir = modelDirectory(values.dataDir);
  const [reference] = positionals;
  if (values.list) {
    const stored = await createModelStore(storeDir).list();
    const rows = stored.map(({ name, modelRoot }) => `${name}  ${modelRoot}`);
    return print(['built in: stories260K, stories15M[:quant]', ...rows, ''].join('\n'));
  }
  if (reference === undefined) throw new ConfigError(`${NAME} pull`, ['which model? see ogong-provider pull --list']);
  let shown = -1;
  const { name, path, modelRoot } = await resolveModel(reference, {
    storeDir,
    hub: readHubAccess(process.env),
    onRetry: ({ file, reason, pauseMs }) =>
      void process.stderr.write(`${file}: ${reason}; asking again in ${(pauseMs / 1000).toFixed(1)} s\n`),
    onProgress({ file, receivedBytes, totalBytes }) {
      const percent = totalBytes ? Math.floor((100 * receivedBytes) / totalBytes) : 0;
      if (percent === shown) return;
      shown = percent;
      process.stderr.write(`\r${file}: ${percent} %`);
    },
  });
  if (shown >= 0) process.stderr.write('\n');
  return print(`${name}\n${path}\nmodel root ${toHex(modelRoot)}\n`);
}

function wallet(argv: readonly string[]): never {
  const { values } = read(walletConfig.parse(argv, process.env));
  const { address } = createNodeLedgerSigner(createOrLoadKeys(values.dataDir).ledgerKey.reveal());
  return print(`0x${toHex(address)}\n`);
}

const COMMANDS: Readonly<Record<string, (argv: readonly string[]) => Daemon | Promise<Daemon>>> = {
  local,
  run,
  pull,
  configure: (argv) => print(configure(argv)),
  show: (argv) => print(showConfiguration(read(showConfig.parse(argv, process.env)).values.dataDir)),
  wallet,
  serve,
};

const [command = '--help', ...rest] = process.argv.slice(2);
await runDaemon(
  async () => {
    if (command === '--help' || command === '-h') print(HELP);
    const start = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
    if (!start) throw new ConfigError(NAME, [`unknown command "${command}"`]);
    return start(rest);
  },
  { name: NAME },
);
