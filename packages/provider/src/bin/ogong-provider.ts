#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArguments } from '@ogong/host/config/arguments';
import { ConfigError } from '@ogong/host/config/config-error';
import { suggest } from '@ogong/host/config/suggest';
import { explainTyping } from '@ogong/host/config/typed-commands';
import { createOrLoadKeys, loadHybridSigner } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { openAskUser } from '@ogong/host/lifecycle/ask-user';
import { type Command, type Output, processOutput, runCommand } from '@ogong/host/lifecycle/command';
import { createCompletionCommand } from '@ogong/host/lifecycle/completion';
import { formatJson } from '@ogong/host/lifecycle/print-json';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { EXIT } from '@ogong/host/log/errors';
import { createLogger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import { VERSION } from '@ogong/host/version';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { admissionsCommand } from '../commands/admissions-command.ts';
import { catalogueCommand } from '../commands/catalogue-command.ts';
import { createConnectingLines } from '../commands/connecting-lines.ts';
import { doctorCommand } from '../commands/doctor-command.ts';
import { installCommand, uninstallCommand } from '../commands/install-command.ts';
import { createLoadingLines } from '../commands/loading-lines.ts';
import { marketplaceCommand } from '../commands/marketplace-command.ts';
import { modelCommands } from '../commands/model-commands.ts';
import { quoteCommand } from '../commands/quote-command.ts';
import { runCommand as talkCommand } from '../commands/run-command.ts';
import { testimonyCommand } from '../commands/testimony-command.ts';
import { addEmbeddedImages } from '../engine/embedded-image.ts';
import type { LoadingPlace } from '../engine/engine-config.ts';
import { joinConfig } from '../join/join-config.ts';
import { startJoining } from '../join/join-daemon.ts';
import { createLocalServer } from '../local/local-server.ts';
import { type LocalModels, openLocalModels } from '../local/open-local-models.ts';
import { openImageUpstreamModels, openUpstreamModels } from '../local/open-upstream.ts';
import { openModelWithMachines } from '../local/open-with-machines.ts';
import { readServedSet, type ServedSetModel } from '../local/served-set.ts';
import { noteServer } from '../local/server-note.ts';
import { assertAddressFree } from '../local/taken-address.ts';
import { configPathOf, configure } from '../provider/configure-command.ts';
import {
  DEFAULT_PROVIDER_DIRECTORY,
  idConfig,
  localConfig,
  serveConfig,
  startConfig,
  walletConfig,
  withOllamaVariables,
} from '../provider/provider-config.ts';
import { startServing } from '../provider/serve-daemon.ts';
import { proxyConfig } from '../proxy/proxy-config.ts';
import { startProxy } from '../proxy/proxy-daemon.ts';
import { RPC_NETWORK_REFUSAL, RPC_REFUSAL, segmentConfig } from '../segment/machines-config.ts';
import { startSegment } from '../segment/segment-daemon.ts';

const NAME = 'ogong-provider';

/** The settings of a daemon; its help ends the program. */
function read<V>(
  parsed: { readonly kind: 'print'; readonly text: string } | { readonly kind: 'run'; readonly values: V },
): V {
  if (parsed.kind === 'run') return parsed.values;
  process.stdout.write(parsed.text);
  process.exit(0);
}

const writeError = (text: string): void => void process.stderr.write(text);

/** Settings start from the file that configure wrote, unless another file is named. */
function serve(argv: readonly string[], signal: AbortSignal, { isTold = false } = {}): Promise<Daemon> {
  const { flags, configPath } = parseArguments(serveConfig.definition, argv, []);
  const dataDir = flags.get('dataDir')?.[0] ?? process.env.OGONG_PROVIDER_DATA_DIR ?? DEFAULT_PROVIDER_DIRECTORY;
  const path = configPathOf(dataDir);
  const isConfigured = configPath === undefined && existsSync(path);
  const config = isTold ? startConfig : serveConfig;
  const settings = read(config.parse(isConfigured ? ['--config', path, ...argv] : argv, process.env));
  if (settings.rpcServers !== undefined) throw new ConfigError(config.definition.name, [RPC_NETWORK_REFUSAL]);
  const isTerminal = process.stderr.isTTY === true;
  // A service's standard error holds its log, and nothing else.
  const lines = isTold || isTerminal ? createLoadingLines(writeError, isTerminal) : {};
  return startServing(settings, { signal, lines, ...(isTold && { say: (line: string) => writeError(`${line}\n`) }) });
}

async function joinNetwork(argv: readonly string[], signal: AbortSignal): Promise<Daemon> {
  const parsed = joinConfig.parse(argv, process.env);
  const isTerminal = process.stderr.isTTY === true;
  const daemon = await startJoining(read(parsed), parsed.kind === 'run' ? parsed.positionals : [], {
    ...{ output: processOutput, signal, env: process.env, lines: createLoadingLines(writeError, isTerminal) },
    ask: openAskUser(signal),
  });
  return daemon ?? process.exit(EXIT.ok);
}

/** @throws ConfigError, ModelError, EngineError */
async function openModels(
  values: Extract<ReturnType<typeof localConfig.parse>, { kind: 'run' }>['values'],
  served: readonly ServedSetModel[] | undefined,
  place: LoadingPlace,
): Promise<LocalModels> {
  const command = localConfig.definition.name;
  const { upstream, imageUpstream, embeddedText, embeddedImage } = values;
  const isElsewhere = served !== undefined || (upstream ?? imageUpstream) !== undefined;
  if (embeddedText.length > 0 && isElsewhere)
    throw new ConfigError(command, ['--embedded-text is --model: leave --served-models and --upstream out']);
  if (embeddedImage.length > 0 && isElsewhere)
    throw new ConfigError(command, ['--embedded-image is --model: leave --served-models and --upstream out']);
  if (served && upstream !== undefined)
    throw new ConfigError(command, ['--served-models and --upstream exclude each other']);
  if (imageUpstream !== undefined && (served !== undefined || upstream !== undefined))
    throw new ConfigError(command, [
      `${served ? '--served-models' : '--upstream'} and --image-upstream exclude each other`,
    ]);
  if (values.rpcServers !== undefined) throw new ConfigError(command, [RPC_REFUSAL]);
  const lines = createLoadingLines(writeError, process.stderr.isTTY === true);
  if (values.with !== undefined) {
    if (isElsewhere)
      throw new ConfigError(command, ['--with is for --model: leave --served-models and --upstream out']);
    const given = { ...values, with: values.with };
    return openModelWithMachines(command, given, {
      ...place,
      ...lines,
      onConnecting: createConnectingLines(writeError),
    });
  }
  if (upstream !== undefined) return openUpstreamModels(command, { ...values, upstream });
  if (imageUpstream !== undefined) return openImageUpstreamModels(command, { ...values, imageUpstream });
  return openLocalModels(
    {
      ...values,
      model: addEmbeddedImages([...values.model, ...embeddedText], embeddedImage),
      ...(served && { served }),
    },
    { ...place, ...lines },
  );
}

async function local(argv: readonly string[], signal: AbortSignal): Promise<Daemon> {
  const values = read(localConfig.parse(argv, withOllamaVariables(process.env)));
  const log = createLogger({ name: NAME, level: values.logLevel });
  const { servedModels } = values;
  const served = servedModels === undefined ? undefined : readServedSet(localConfig.definition.name, servedModels);
  if (served && values.adapter.length > 0)
    throw new ConfigError(localConfig.definition.name, ['--adapter is for models of --model, not of --served-models']);
  await assertAddressFree(values.listen);
  const { names, loaded, ...models } = await openModels(values, served, { log, signal });
  const { listen, origin: origins, allowHost: hosts, dataDir } = values;
  const instance = randomUUID();
  const server = createLocalServer(
    { listen, origins, hosts, instance },
    { ...models, loaded, crypto: nodeCrypto, clock: systemClock, log },
  );
  await server.start();
  const forget = noteServer(dataDir, server.address(), instance);
  return {
    ready: { address: server.address(), models: names },
    async stop() {
      forget();
      await server.stop();
      await loaded.close();
    },
  };
}

/** A command that prints one thing. */
const createPrinter = (name: string, summary: string, say: (argv: readonly string[]) => string): Command => ({
  name,
  summary,
  async run(argv, output) {
    output.write(say(argv));
    return EXIT.ok;
  },
});

const walletCommand = createPrinter('wallet', 'print the ledger address that fees are paid to', (argv) => {
  const parsed = walletConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return parsed.text;
  const { address } = createNodeLedgerSigner(createOrLoadKeys(parsed.values.dataDir).ledgerKey.reveal());
  const account = `0x${toHex(address)}`;
  return parsed.values.json ? formatJson({ address: account }) : `${account}\n`;
});

const idCommand = createPrinter('id', "print the id of this provider's key", (argv) => {
  const parsed = idConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return parsed.text;
  createOrLoadKeys(parsed.values.dataDir);
  const { publicKey } = loadHybridSigner(join(parsed.values.dataDir, 'hybrid.key'));
  const id = toHex(hashHybridKey(nodeCrypto, publicKey));
  return parsed.values.json ? formatJson({ id }) : `${id}\n`;
});

interface Verb {
  readonly name: string;
  readonly summary: string;
}

interface DaemonVerb extends Verb {
  readonly config: { parse(argv: readonly string[], env: object): { readonly kind: string; readonly text?: string } };
  start(argv: readonly string[], signal: AbortSignal): Promise<Daemon>;
}

const daemons: readonly DaemonVerb[] = [
  {
    name: 'local',
    summary: 'OpenAI, Anthropic and Ollama server: no network, no account',
    config: localConfig,
    start: local,
  },
  {
    name: 'serve',
    summary: 'serve models on the network',
    config: serveConfig,
    start: (argv, signal) => serve(argv, signal),
  },
  {
    name: 'start',
    summary: 'serve models on the network, and say how it is doing',
    config: startConfig,
    start: (argv, signal) => serve(argv, signal, { isTold: true }),
  },
  {
    name: 'join',
    summary: 'join a network: one command to the first fee',
    config: joinConfig,
    start: joinNetwork,
  },
  {
    name: 'proxy',
    summary: 'ask a hosted API from a machine that shows what it does',
    config: proxyConfig,
    start: (argv) => startProxy(read(proxyConfig.parse(argv, process.env))),
  },
  {
    name: 'segment',
    summary: 'compute some layers of a model for another machine of yours',
    config: segmentConfig,
    start: (argv, signal) =>
      startSegment(read(segmentConfig.parse(argv, process.env)), {
        ...createLoadingLines(writeError, process.stderr.isTTY === true),
        signal,
      }),
  },
];

const commands: readonly Command[] = [
  talkCommand,
  doctorCommand,
  ...modelCommands,
  catalogueCommand,
  createPrinter('configure', 'write the settings of serve', configure),
  walletCommand,
  idCommand,
  quoteCommand,
  marketplaceCommand,
  testimonyCommand,
  installCommand(),
  uninstallCommand(),
  createCompletionCommand(NAME, () => [
    ...commands,
    ...daemons.map(({ name, summary, config }) =>
      createPrinter(name, summary, (argv) => config.parse(argv, {}).text ?? ''),
    ),
  ]),
  admissionsCommand,
];

const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ['On this machine', ['run', 'local', 'segment', 'doctor', 'ps', 'stop', 'install', 'uninstall', 'completion']],
  ['Models', ['catalogue', 'list', 'pull', 'show', 'cp', 'rm']],
  ['For the network', ['join', 'configure', 'show', 'wallet', 'id', 'start', 'serve', 'admissions']],
  ['In a machine that shows what it does', ['quote', 'testimony', 'proxy']],
];

function formatHelp(): string {
  const all: readonly Verb[] = [...daemons, ...commands];
  const describe = (name: string): string =>
    `  ${name.padEnd(10)}  ${all.find((each) => each.name === name)?.summary ?? ''}`;
  const groups = GROUPS.flatMap(([title, names]) => [`${title}:`, ...names.map(describe), '']);
  return `Serves models from this machine, to itself or to the network.

Usage: ${NAME} <command> [flags]

${groups.join('\n')}
${NAME} <command> --help says more.

Examples:
  ${NAME} run stories15M "Once upon a time"
  ${NAME} local --model stories15M
  ${NAME} pull qwen3:0.6b
  ${NAME} pull hf:bartowski/Llama-3.2-1B-Instruct-GGUF:q4_k_m
`;
}

async function main(name: string, argv: readonly string[], output: Output): Promise<number> {
  if (['', '--help', '-h', 'help'].includes(name)) {
    output.write(formatHelp() + explainTyping(NAME, process.env));
    return EXIT.ok;
  }
  if (name === '--version' || name === '-V') {
    output.write(`${NAME} ${VERSION}\n`);
    return EXIT.ok;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    const near = suggest(
      name,
      [...daemons, ...commands].map((each) => each.name),
    );
    throw new ConfigError(NAME, [`unknown command "${name.slice(0, 100)}"${near}`]);
  }
  return command.run(argv, output);
}

const [name = '', ...rest] = process.argv.slice(2);
const daemon = daemons.find((each) => each.name === name);
if (daemon) await runDaemon((signal) => daemon.start(rest, signal), { name: NAME });
else {
  await runCommand(NAME, (output) => main(name, rest, output));
}
